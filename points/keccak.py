"""Keccak-256 of many short messages at once, compiled by numba (FIPS 202, Ethereum pad).

Merkle trees and address checksums need millions of hashes of 32 to 64 bytes; a call into a C
library for each costs more than the hash. Messages here are whole 64-bit words, shorter than one
block of 136 bytes.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

_ROUNDS = np.array(
    [
        *(0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000),
        *(0x000000000000808B, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009),
        *(0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A),
        *(0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003),
        *(0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A),
        *(0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008),
    ],
    dtype=np.uint64,
)
_PAD_FIRST = np.uint64(0x01)
_PAD_LAST = np.uint64(0x8000000000000000)


@njit(inline="always")
def _rot(value: np.uint64, bits: int) -> np.uint64:
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


# fmt: off
@njit(cache=True, nogil=True)
def _permute(s: Words) -> None:
    """Keccak-f[1600] in place; unrolled, because lanes in registers halve the time of an array."""
    a0, a1, a2, a3, a4 = s[0], s[1], s[2], s[3], s[4]
    a5, a6, a7, a8, a9 = s[5], s[6], s[7], s[8], s[9]
    a10, a11, a12, a13, a14 = s[10], s[11], s[12], s[13], s[14]
    a15, a16, a17, a18, a19 = s[15], s[16], s[17], s[18], s[19]
    a20, a21, a22, a23, a24 = s[20], s[21], s[22], s[23], s[24]
    for r in range(24):
        c0 = a0 ^ a5 ^ a10 ^ a15 ^ a20
        c1 = a1 ^ a6 ^ a11 ^ a16 ^ a21
        c2 = a2 ^ a7 ^ a12 ^ a17 ^ a22
        c3 = a3 ^ a8 ^ a13 ^ a18 ^ a23
        c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
        d0, d1, d2 = c4 ^ _rot(c1, 1), c0 ^ _rot(c2, 1), c1 ^ _rot(c3, 1)
        d3, d4 = c2 ^ _rot(c4, 1), c3 ^ _rot(c0, 1)
        b0, b10, b20 = a0 ^ d0, _rot(a1 ^ d1, 1), _rot(a2 ^ d2, 62)
        b5, b15, b16 = _rot(a3 ^ d3, 28), _rot(a4 ^ d4, 27), _rot(a5 ^ d0, 36)
        b1, b11, b21 = _rot(a6 ^ d1, 44), _rot(a7 ^ d2, 6), _rot(a8 ^ d3, 55)
        b6, b7, b17 = _rot(a9 ^ d4, 20), _rot(a10 ^ d0, 3), _rot(a11 ^ d1, 10)
        b2, b12, b22 = _rot(a12 ^ d2, 43), _rot(a13 ^ d3, 25), _rot(a14 ^ d4, 39)
        b23, b8, b18 = _rot(a15 ^ d0, 41), _rot(a16 ^ d1, 45), _rot(a17 ^ d2, 15)
        b3, b13, b14 = _rot(a18 ^ d3, 21), _rot(a19 ^ d4, 8), _rot(a20 ^ d0, 18)
        b24, b9 = _rot(a21 ^ d1, 2), _rot(a22 ^ d2, 61)
        b19, b4 = _rot(a23 ^ d3, 56), _rot(a24 ^ d4, 14)
        a0, a1, a2 = b0 ^ (~b1 & b2) ^ _ROUNDS[r], b1 ^ (~b2 & b3), b2 ^ (~b3 & b4)
        a3, a4 = b3 ^ (~b4 & b0), b4 ^ (~b0 & b1)
        a5, a6, a7 = b5 ^ (~b6 & b7), b6 ^ (~b7 & b8), b7 ^ (~b8 & b9)
        a8, a9 = b8 ^ (~b9 & b5), b9 ^ (~b5 & b6)
        a10, a11, a12 = b10 ^ (~b11 & b12), b11 ^ (~b12 & b13), b12 ^ (~b13 & b14)
        a13, a14 = b13 ^ (~b14 & b10), b14 ^ (~b10 & b11)
        a15, a16, a17 = b15 ^ (~b16 & b17), b16 ^ (~b17 & b18), b17 ^ (~b18 & b19)
        a18, a19 = b18 ^ (~b19 & b15), b19 ^ (~b15 & b16)
        a20, a21, a22 = b20 ^ (~b21 & b22), b21 ^ (~b22 & b23), b22 ^ (~b23 & b24)
        a23, a24 = b23 ^ (~b24 & b20), b24 ^ (~b20 & b21)
    s[0], s[1], s[2], s[3], s[4] = a0, a1, a2, a3, a4
    s[5], s[6], s[7], s[8], s[9] = a5, a6, a7, a8, a9
    s[10], s[11], s[12], s[13], s[14] = a10, a11, a12, a13, a14
    s[15], s[16], s[17], s[18], s[19] = a15, a16, a17, a18, a19
    s[20], s[21], s[22], s[23], s[24] = a20, a21, a22, a23, a24
# fmt: on


@njit(cache=True, nogil=True)
def _hash_rows(messages: Words, digests: Words) -> None:
    state = np.empty(25, np.uint64)
    length = messages.shape[1]
    for row in range(messages.shape[0]):
        state[:] = 0
        for word in range(length):
            state[word] = messages[row, word]
        state[length] = _PAD_FIRST
        state[16] ^= _PAD_LAST
        _permute(state)
        for word in range(4):
            digests[row, word] = state[word]


@njit(cache=True, nogil=True)
def _second_is_less(nodes: Bytes, left: int, right: int) -> bool:
    for byte in range(32):
        if nodes[left, byte] != nodes[right, byte]:
            return nodes[right, byte] < nodes[left, byte]
    return False


@njit(cache=True, nogil=True)
def hash_parents(nodes: Bytes, words: Words, inner: int) -> None:
    """Fill `nodes[inner - 1 .. 0]`, each the hash of its two children in ascending order.

    `nodes` (bytes) and `words` (64-bit) are two views of the same heap array.
    """
    state = np.empty(25, np.uint64)
    for i in range(inner - 1, -1, -1):
        first, second = 2 * i + 1, 2 * i + 2
        if _second_is_less(nodes, first, second):
            first, second = second, first
        state[:] = 0
        for word in range(4):
            state[word] = words[first, word]
            state[4 + word] = words[second, word]
        state[8] = _PAD_FIRST
        state[16] = _PAD_LAST
        _permute(state)
        for word in range(4):
            words[i, word] = state[word]


def keccak_rows(messages: Bytes) -> Bytes:
    """Keccak-256 of each row; rows are a whole number of 8-byte words, at most 128 bytes."""
    rows, width = messages.shape
    if width % 8 or width > 128:
        raise ValueError(f"rows of {width} bytes are not whole words of one Keccak block")
    digests = np.empty((rows, 32), np.uint8)
    _hash_rows(np.ascontiguousarray(messages).view(np.uint64), digests.view(np.uint64))
    return digests
