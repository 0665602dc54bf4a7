"""All that is known of one container when the rules are asked: a value, so that a saved document can be judged too."""

from __future__ import annotations

from dataclasses import dataclass, field

from imgscan.accounts import EffectiveUser, resolve
from imgscan.image.image import ImageConfig, Platform
from imgscan.report import Origin
from imgscan.report.container import Change, Process
from imgscan.runtime.settings import Described

UNKNOWN_IMAGE = ImageConfig("", Platform("linux", "unknown"))


@dataclass(frozen=True, slots=True)
class ExecSession:
    """A `docker exec` that the engine still knows of. `user` as it was given; empty for the container's own."""

    user: str
    privileged: bool

    @property
    def as_root(self) -> bool:
        return self.user.partition(":")[0] in ("0", "root")


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """One container, joined with its image."""

    described: Described
    image: ImageConfig = UNKNOWN_IMAGE
    """Of the image it was made from; UNKNOWN_IMAGE where that is gone."""
    current_image_id: str = ""
    """Of the image that the container's image name means now; empty where it means none."""
    user: EffectiveUser = field(default_factory=lambda: resolve("", (), (), read=False))
    """The configured user, resolved through the container's own etc/passwd."""
    processes: tuple[Process, ...] = ()
    execs: tuple[ExecSession, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def image_known(self) -> bool:
        return self.image is not UNKNOWN_IMAGE

    @property
    def first_process(self) -> Process | None:
        """The one that the container is; None where it does not run, or the engine could not list it."""
        return next((each for each in self.processes if each.pid == self.described.state.pid), None)

    @property
    def running_uid(self) -> int | None:
        """The uid of the first process as the container sees it; None where that cannot be told from outside.

        The engine's host counts uids its own way: in a user namespace its number is another one.
        """
        process = self.first_process
        return None if process is None or self.described.settings.user_namespace is not False else process.uid

    @property
    def runs_as_root(self) -> bool | None:
        """Of the process where it could be asked, else of the configuration; None where neither says."""
        if self.running_uid is not None:
            return self.running_uid == 0
        return None if self.user.uid is None else self.user.is_root

    @property
    def user_origin(self) -> Origin:
        """Whether the image says who it runs as, or the command that made the container."""
        if not self.image_known:
            return Origin.UNKNOWN
        return Origin.BASE if self.described.settings.user == self.image.user else Origin.OWN

    @property
    def user_label(self) -> str:
        """Who it runs as and who says so: `root: the image names no user`."""
        uid, user = self.running_uid, self.user
        name = user.label.replace(" (implicit)", "")
        if uid is not None and user.uid is not None and uid != user.uid:
            name = f"uid {uid}, started as {name}"
        if user.implicit:
            why = "the image names no user" if self.image_known else "no user was named"
        else:
            why = {
                Origin.BASE: f"the image says USER {user.spec}",
                Origin.OWN: f"started with --user {user.spec}",
                Origin.UNKNOWN: "",
            }[self.user_origin]
        return f"{name}: {why}" if why else name
