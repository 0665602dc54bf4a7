"""The attribute security.capability, in its three revisions, becomes what getcap shows."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.file_capabilities import ATTRIBUTE, FileCapabilities, decode_capabilities, file_capabilities

WORDS = st.integers(0, (1 << 32) - 1)


def attribute(
    permitted: int, inheritable: int = 0, *, effective: bool = True, revision: int = 2, root_id: int = 0
) -> bytes:
    """As the kernel stores it (linux/capability.h: vfs_cap_data, vfs_ns_cap_data)."""
    words = [revision << 24 | effective, permitted & 0xFFFFFFFF, inheritable & 0xFFFFFFFF]
    if revision > 1:
        words += [permitted >> 32, inheritable >> 32]
    if revision > 2:
        words.append(root_id)
    return struct.pack(f"<{len(words)}I", *words)


@given(
    permitted=st.integers(0, (1 << 64) - 1),
    inheritable=st.integers(0, (1 << 64) - 1),
    effective=st.booleans(),
    revision=st.sampled_from([1, 2, 3]),
    root_id=WORDS,
)
def test_what_is_stored_is_what_is_read(permitted, inheritable, effective, revision, root_id):
    if revision == 1:
        permitted, inheritable = permitted & 0xFFFFFFFF, inheritable & 0xFFFFFFFF
    value = attribute(permitted, inheritable, effective=effective, revision=revision, root_id=root_id)
    expected = FileCapabilities(permitted, inheritable, effective, root_id if revision == 3 else None)
    assert decode_capabilities(value) == expected
    assert expected.text or not permitted | inheritable
    assert len(expected.names) == (permitted | inheritable).bit_count()


@given(st.binary(max_size=40))
def test_any_bytes_are_capabilities_or_none(value: bytes):
    found = decode_capabilities(value)
    assert found is None or (len(value) in (12, 20, 24) and value[3] in (1, 2, 3))


@pytest.mark.parametrize(
    ("permitted", "inheritable", "effective", "text"),
    [
        (1 << 10, 0, True, "cap_net_bind_service=ep"),
        (1 << 10, 0, False, "cap_net_bind_service=p"),
        (1 << 10 | 1 << 12, 0, True, "cap_net_bind_service,cap_net_admin=ep"),
        (1 << 13, 1 << 13, True, "cap_net_raw=eip"),
        (0, 1 << 7, False, "cap_setuid=i"),
        (1 << 0, 1 << 7, False, "cap_chown=p cap_setuid=i"),
        ((1 << 41) - 1, 0, True, "=ep"),
        (1 << 45, 0, True, "cap_45=ep"),
    ],
)
def test_the_text_is_that_of_getcap(permitted, inheritable, effective, text):
    assert FileCapabilities(permitted, inheritable, effective).text == text


def test_only_some_capabilities_are_as_good_as_root():
    assert FileCapabilities(1 << 10 | 1 << 13, 0, True).root_like == ()
    assert FileCapabilities(1 << 7 | 1 << 21, 0, True).root_like == ("cap_setuid", "cap_sys_admin")
    assert FileCapabilities(0, 1 << 7, True).root_like == ()  # inheritable alone gives nothing by itself


def test_of_a_members_attributes_the_right_one_is_read():
    value = attribute(1 << 10)
    assert file_capabilities((("user.x", b"1"), (ATTRIBUTE, value))) == decode_capabilities(value)
    assert file_capabilities((("user.x", value),)) is None
    assert file_capabilities(((ATTRIBUTE, attribute(0)),)) is None
    assert file_capabilities(((ATTRIBUTE, b"\0\0\0\2"),)) is None
