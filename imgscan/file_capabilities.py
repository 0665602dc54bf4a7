"""Capabilities that a file gives to whoever executes it: the extended attribute `security.capability`, decoded.

Sources: linux/capability.h (vfs_cap_data, vfs_ns_cap_data), capabilities(7), and cap_to_text(3) for the text form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ATTRIBUTE = "security.capability"
"""The attribute's name; in a tar it is the pax record `SCHILY.xattr.security.capability`."""

_NAMES = (
    *("cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_fsetid", "cap_kill", "cap_setgid"),
    *("cap_setuid", "cap_setpcap", "cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast"),
    *("cap_net_admin", "cap_net_raw", "cap_ipc_lock", "cap_ipc_owner", "cap_sys_module", "cap_sys_rawio"),
    *("cap_sys_chroot", "cap_sys_ptrace", "cap_sys_pacct", "cap_sys_admin", "cap_sys_boot", "cap_sys_nice"),
    *("cap_sys_resource", "cap_sys_time", "cap_sys_tty_config", "cap_mknod", "cap_lease", "cap_audit_write"),
    *("cap_audit_control", "cap_setfcap", "cap_mac_override", "cap_mac_admin", "cap_syslog", "cap_wake_alarm"),
    *("cap_block_suspend", "cap_audit_read", "cap_perfmon", "cap_bpf", "cap_checkpoint_restore"),
)
"""By number, from 0 (linux/capability.h, Linux 6)."""
_ALL = (1 << len(_NAMES)) - 1
_ROOT_LIKE = frozenset(
    {
        *("cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_setgid", "cap_setuid"),
        *("cap_sys_module", "cap_sys_rawio", "cap_sys_ptrace", "cap_sys_admin", "cap_setfcap", "cap_mac_admin"),
        *("cap_mac_override", "cap_bpf"),
    }
)
# Magic: the revision in the top byte, a flag in the lowest bit; the words that follow are little-endian.
_REVISION_MASK, _EFFECTIVE = 0xFF000000, 0x1
_LENGTHS = {0x01000000: 12, 0x02000000: 20, 0x03000000: 24}


@dataclass(frozen=True, slots=True)
class FileCapabilities:
    """What one attribute says. The sets are bit masks, bit 0 for cap_chown.

    With `effective` a program has the permitted ones from its start, without asking for them. `root_id` is the uid
    that is root in the user namespace for which they count (revision 3), None for the initial one.
    """

    permitted: int
    inheritable: int
    effective: bool
    root_id: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All capabilities that are named, by number."""
        return _names(self.permitted | self.inheritable)

    @property
    def root_like(self) -> tuple[str, ...]:
        """The permitted ones that are as good as root: all files, users or the kernel are theirs (capabilities(7))."""
        return tuple(name for name in _names(self.permitted) if name in _ROOT_LIKE)

    @property
    def text(self) -> str:
        """As getcap(8) writes it: `cap_net_bind_service=ep`; `=ep` where all are meant."""
        sets: dict[str, int] = {}
        flag = "e" if self.effective else ""
        for flags, mask in (
            (f"{flag}ip", self.permitted & self.inheritable),
            (f"{flag}p", self.permitted & ~self.inheritable),
            (f"{flag}i", self.inheritable & ~self.permitted),
        ):
            if mask:
                sets[flags] = mask
        return " ".join(
            f"={flags}" if mask & _ALL == _ALL else f"{','.join(_names(mask))}={flags}" for flags, mask in sets.items()
        )


def decode_capabilities(value: bytes) -> FileCapabilities | None:
    """What the attribute's value says; None where it is none of the three revisions."""
    if len(value) < 4:
        return None
    (magic,) = struct.unpack_from("<I", value)
    if len(value) != _LENGTHS.get(magic & _REVISION_MASK):
        return None
    words = struct.unpack_from(f"<{len(value) // 4 - 1}I", value, 4)
    permitted, inheritable = words[0], words[1]
    if len(words) > 2:
        permitted, inheritable = permitted | words[2] << 32, inheritable | words[3] << 32
    return FileCapabilities(permitted, inheritable, bool(magic & _EFFECTIVE), words[4] if len(words) > 4 else None)


def file_capabilities(xattrs: tuple[tuple[str, bytes], ...]) -> FileCapabilities | None:
    """Of a member's extended attributes; None where it has none, or one that cannot be read or gives nothing."""
    value = next((value for name, value in xattrs if name == ATTRIBUTE), None)
    found = decode_capabilities(value) if value is not None else None
    return found if found is not None and (found.permitted or found.inheritable) else None


def _names(mask: int) -> tuple[str, ...]:
    """Numbers that no kernel we know has a name for are told as such."""
    bits = (bit for bit in range(mask.bit_length()) if mask >> bit & 1)
    return tuple(_NAMES[bit] if bit < len(_NAMES) else f"cap_{bit}" for bit in bits)
