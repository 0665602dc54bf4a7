# imgscan's own image: the interpreter, the package and what they load. No shell, no package manager, no root.
#
#   docker build -t imgscan .
#   docker run --rm -i imgscan inspect - < image.tar
#
# BASE is any image with glibc and Python 3.11 or newer, pip among it; nothing but the interpreter is taken from it.
ARG BASE=python:3.13-slim
FROM ${BASE} AS build
# For builds without a network: a folder of wheels in the context, and PIP_NO_INDEX=1 PIP_FIND_LINKS=/src/wheels.
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /src
COPY pyproject.toml README.md LICENSE wheel[s] ./wheels/
COPY packaging/rootfs.py packaging/
COPY imgscan imgscan
# Installed from an index of one wheel, as users install it: an installation from a folder counts as in-house code.
RUN mv wheels/pyproject.toml wheels/README.md wheels/LICENSE . \
 && pip() { python3 -m pip "$@" --quiet --no-cache-dir --disable-pip-version-check; } \
 && pip wheel --no-deps --wheel-dir /own . \
 && pip install --no-compile --root-user-action=ignore --target /rootfs/opt/imgscan /own/*.whl \
 && pip install --no-compile --root-user-action=ignore --target /rootfs/opt/imgscan --no-deps --no-index --find-links /own \
    --upgrade imgscan \
 && python3 packaging/rootfs.py /rootfs

FROM scratch
COPY --from=build /rootfs/ /
ENV PYTHONPATH=/opt/imgscan PYTHONDONTWRITEBYTECODE=1 IMGSCAN_CACHE_DIR=/tmp/imgscan
LABEL org.opencontainers.image.title="imgscan" \
      org.opencontainers.image.description="Forensic scanner for built container images" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/opt/python3", "-m", "imgscan"]
CMD ["--help"]
