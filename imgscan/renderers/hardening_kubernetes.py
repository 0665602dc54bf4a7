"""`imgscan harden --target kubernetes`: a Deployment, with a Service and volume claims where it needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgscan.renderers.hardening_compose import unique_names
from imgscan.renderers.hardening_docker import volume_names
from imgscan.renderers.yaml_text import comment, scalar
from imgscan.report.hardening import STORAGE, Hardening, Port, Probe

Lines = Iterator[str]


def render(hardened: Sequence[Hardening]) -> str:
    """The documents for each image, those that others need first."""
    documents = []
    for name, each in zip(unique_names(hardened), hardened, strict=True):
        documents += [_claim(name, each, number) for number in range(len(each.volumes))]
        documents.append("\n".join(_deployment(name, each)))
        if each.ports:
            documents.append("\n".join(_service(name, each.ports)))
    return "\n---\n".join(documents) + "\n"


def _deployment(name: str, hardened: Hardening) -> Lines:
    user = hardened.user
    yield "# As far as the contents of the image tell; try it before you rely on it."
    for note in hardened.notes:
        yield f"# Note: {comment(note)}."
    yield "apiVersion: apps/v1"
    yield "kind: Deployment"
    yield "metadata:"
    yield f"  name: {scalar(name)}"
    yield f"  labels: {{app.kubernetes.io/name: {scalar(name)}}}"
    yield "spec:"
    yield "  replicas: 1  # YOURS TO SET"
    if hardened.volumes:
        yield "  strategy: {type: Recreate}  # its volume has one writer at a time"
    yield "  selector:"
    yield f"    matchLabels: {{app.kubernetes.io/name: {scalar(name)}}}"
    yield "  template:"
    yield "    metadata:"
    yield f"      labels: {{app.kubernetes.io/name: {scalar(name)}}}"
    yield "    spec:"
    yield "      automountServiceAccountToken: false  # it gets no credentials for the cluster"
    yield "      enableServiceLinks: false  # nor the addresses of all services in its environment"
    yield from (f"      {line}" for line in _pod_security(hardened))
    yield "      containers:"
    yield f"        - name: {scalar(name)}"
    yield f"          image: {scalar(hardened.image)}  # a digest (NAME@sha256:...) keeps it what was scanned"
    yield from (f"          {line}" for line in _container_security(hardened))
    yield "          resources:  # YOURS TO SET: what it needs, and what it may take"
    yield '            requests: {cpu: "100m", memory: "128Mi"}'
    yield '            limits: {cpu: "1", memory: "256Mi"}'
    if hardened.ports:
        yield "          ports:"
        for port in hardened.ports:
            yield f"            - {{containerPort: {port.number}, protocol: {port.protocol.upper()}}}  # EXPOSE"
    yield from (f"          {line}" for line in _probes(hardened.probe))
    yield "          volumeMounts:"
    for number, place in enumerate(hardened.tmpfs):
        yield f"            - {{name: writable-{number}, mountPath: {scalar(place.path)}}}  # {comment(place.reason)}"
    for number, place in enumerate(hardened.volumes):
        yield f"            - {{name: data-{number}, mountPath: {scalar(place.path)}}}  # {comment(place.reason)}"
    yield "      volumes:"
    for number in range(len(hardened.tmpfs)):
        yield f'        - {{name: writable-{number}, emptyDir: {{sizeLimit: "64Mi"}}}}  # the size is yours to set'
    for number in range(len(hardened.volumes)):
        claim = scalar(volume_names(name, hardened.volumes)[number])
        yield f"        - {{name: data-{number}, persistentVolumeClaim: {{claimName: {claim}}}}}"
    if user is None:
        yield "      # runAsNonRoot makes it fail where the image turns out to run as root."


def _pod_security(hardened: Hardening) -> Lines:
    user = hardened.user
    yield "securityContext:"
    if user is not None:
        yield f"  # {comment(user.reason)}"
        yield f"  runAsNonRoot: {'false' if user.is_root else 'true'}"
        yield f"  runAsUser: {user.uid}"
        yield f"  runAsGroup: {user.gid}"
        if hardened.volumes and not user.is_root:
            yield f"  fsGroup: {user.gid}  # its volumes belong to that group"
        if user.groups:
            yield f"  supplementalGroups: [{', '.join(map(str, user.groups))}]"
    else:
        yield "  runAsNonRoot: true"
    yield "  seccompProfile: {type: RuntimeDefault}  # Kubernetes filters no system calls unless asked to"
    if hardened.low_ports:
        low = ", ".join(port.name for port in hardened.low_ports)
        yield "  sysctls:"
        yield f'    - {{name: net.ipv4.ip_unprivileged_port_start, value: "0"}}  # {low} without NET_BIND_SERVICE'


def _container_security(hardened: Hardening) -> Lines:
    yield "securityContext:"
    if hardened.gains_privileges:
        yield f"  allowPrivilegeEscalation: true  # {comment(hardened.gains_privileges)}"
    else:
        yield "  allowPrivilegeEscalation: false  # no setuid program makes root of it"
    yield "  privileged: false"
    yield "  readOnlyRootFilesystem: true  # nothing is written but to the mounts below"
    yield "  capabilities:"
    yield '    drop: ["ALL"]  # root\'s powers, which hardly any service needs'
    if hardened.capabilities:
        yield "    add:"
        for capability in hardened.capabilities:
            yield f"      - {scalar(capability.name)}  # {comment(capability.reason)}"


def _probes(probe: Probe | None) -> Lines:
    if probe is None:
        yield "# No probes: the image has neither a health check nor a port. Add those that fit the service."
        return
    for kind in ("readinessProbe", "livenessProbe"):
        yield f"{kind}:  # {comment(probe.reason)}"
        yield from (f"  {line}" for line in _asked(probe))
        yield f"  initialDelaySeconds: {probe.start_period}"
        yield f"  periodSeconds: {probe.interval}"
        yield f"  timeoutSeconds: {probe.timeout}"
        yield f"  failureThreshold: {probe.retries}"


def _asked(probe: Probe) -> Lines:
    if probe.http is not None:
        yield f"httpGet: {{port: {probe.http[0]}, path: {scalar(probe.http[1])}}}"
    elif probe.command:
        yield "exec:"
        yield "  command:"
        yield from (f"    - {scalar(word)}" for word in probe.command)
    else:
        yield f"tcpSocket: {{port: {probe.tcp}}}"


def _service(name: str, ports: Sequence[Port]) -> Lines:
    yield "apiVersion: v1"
    yield "kind: Service"
    yield "metadata:"
    yield f"  name: {scalar(name)}"
    yield "spec:"
    yield f"  selector: {{app.kubernetes.io/name: {scalar(name)}}}"
    yield "  ports:"
    for port in ports:
        label = scalar(f"{port.protocol}-{port.number}")
        yield f"    - {{name: {label}, port: {port.number}, protocol: {port.protocol.upper()}}}"


def _claim(name: str, hardened: Hardening, number: int) -> str:
    place = hardened.volumes[number]
    return "\n".join(
        [
            "apiVersion: v1",
            "kind: PersistentVolumeClaim",
            "metadata:",
            f"  name: {scalar(volume_names(name, hardened.volumes)[number])}",
            "spec:",
            "  accessModes: [ReadWriteOnce]",
            f'  resources: {{requests: {{storage: "{STORAGE}"}}}}  # YOURS TO SET; {comment(place.reason)}',
        ]
    )
