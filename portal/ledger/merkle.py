"""The Merkle tree of RFC 6962 / RFC 9162 over tiles of 256 hashes (C2SP tlog-tiles, height 8).

Pure: hashes in, hashes out. A tile is read through a function `read(level, index) -> bytes` that returns the
concatenated 32-byte hashes it holds; a tile that is longer than the asked tree size needs is fine.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = hashlib.sha256(b"").digest()

ReadTile = Callable[[int, int], bytes]
TileKey = tuple[int, int]


class ProofError(ValueError):
    """A proof does not show what it claims, or a proof was asked for that cannot exist."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of an entry: SHA-256(0x00 ‖ data) (RFC 9162 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 ‖ left ‖ right) (RFC 9162 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root of a complete subtree from the hashes of one level; their number is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def split(tile: bytes) -> list[bytes]:
    """The 32-byte hashes of a tile. Raises ValueError when its length is not a multiple of 32."""
    if len(tile) % HASH_SIZE:
        raise ValueError(f"a tile of {len(tile)} bytes is not made of {HASH_SIZE}-byte hashes")
    return [tile[i : i + HASH_SIZE] for i in range(0, len(tile), HASH_SIZE)]


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is served, for example "tile/0/x001/x234/067" or "tile/1/000.p/5" (C2SP tlog-tiles)."""
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes the tile holds in a tree of `size` leaves, 0 to 256."""
    return max(0, min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH))


def edge_tiles(size: int) -> list[TileKey]:
    """The partial tiles at the right edge of a tree of `size` leaves; these are what an append changes."""
    keys = []
    level = 0
    while count := size >> (TILE_HEIGHT * level):
        if count % TILE_WIDTH:
            keys.append((level, count // TILE_WIDTH))
        level += 1
    return keys


def append(size: int, read: ReadTile, leaves: Iterable[bytes]) -> dict[TileKey, bytes]:
    """Append leaf hashes to a tree of `size` leaves: the new whole content of every tile that changes."""
    open_tiles = {level: (index, bytearray(read(level, index))) for level, index in edge_tiles(size)}
    changed: dict[TileKey, bytes] = {}

    def push(level: int, value: bytes, position: int) -> None:
        index, hashes = open_tiles.setdefault(level, (position // TILE_WIDTH, bytearray()))
        hashes += value
        if len(hashes) == TILE_WIDTH * HASH_SIZE:
            changed[level, index] = bytes(hashes)
            del open_tiles[level]
            push(level + 1, fold(split(bytes(hashes))), index)

    touched: set[int] = set()
    for position, value in enumerate(leaves, start=size):
        push(0, value, position)
    touched.update(open_tiles)
    for level in touched:
        index, hashes = open_tiles[level]
        changed[level, index] = bytes(hashes)
    return changed


def subtree(read: ReadTile, height: int, index: int) -> bytes:
    """Root of the complete subtree over leaves [index·2^height, (index + 1)·2^height)."""
    level, rest = divmod(height, TILE_HEIGHT)
    first = index << rest
    offset = first % TILE_WIDTH * HASH_SIZE
    piece = read(level, first // TILE_WIDTH)[offset : offset + (HASH_SIZE << rest)]
    if len(piece) != HASH_SIZE << rest:
        raise ProofError(f"tile {level}/{first // TILE_WIDTH} is shorter than the tree")
    return fold(split(piece))


def _range(read: ReadTile, low: int, high: int) -> bytes:
    """MTH(D[low:high]) of RFC 6962 2.1 for a range that begins at a multiple of its largest power of two."""
    count = high - low
    if count & (count - 1) == 0:
        height = count.bit_length() - 1
        return subtree(read, height, low >> height)
    cut = low + _split_point(count)
    return node_hash(_range(read, low, cut), _range(read, cut, high))


def _split_point(count: int) -> int:
    """The largest power of two smaller than count (count > 1)."""
    return 1 << ((count - 1).bit_length() - 1)


def root(read: ReadTile, size: int) -> bytes:
    """Root of the tree of the first `size` leaves; SHA-256 of nothing for the empty tree."""
    return _range(read, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read: ReadTile, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 2.1.1, from the leaf's sibling upwards. Raises ProofError."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        cut = low + _split_point(high - low)
        if index < cut:
            proof.append(_range(read, cut, high))
            high = cut
        else:
            proof.append(_range(read, low, cut))
            low = cut
    return proof[::-1]


def consistency_proof(read: ReadTile, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 2.1.2; empty when the sizes are equal. Raises ProofError unless
    0 < old ≤ new."""
    if not 0 < old <= new:
        raise ProofError(f"no consistency proof from size {old} to {new}")
    proof: list[bytes] = []
    low, high = 0, new
    whole = True
    while old != high:
        cut = low + _split_point(high - low)
        if old <= cut:
            proof.append(_range(read, cut, high))
            high = cut
        else:
            proof.append(_range(read, low, cut))
            low = cut
            whole = False
    if not whole:
        proof.append(_range(read, low, high))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> None:
    """RFC 9162 2.1.3.2: raise ProofError unless the leaf hash is at `index` of the tree with that root."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of {size}")
    _only_hashes([leaf, expected_root, *proof])
    position, last, current = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise ProofError("the proof has more hashes than the tree has levels")
        if position & 1 or position == last:
            current = node_hash(step, current)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, step)
        position, last = position >> 1, last >> 1
    if last:
        raise ProofError("the proof has fewer hashes than the tree has levels")
    if current != expected_root:
        raise ProofError("the proof leads to another root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 2.1.4.2: raise ProofError unless the tree of `old` leaves is a prefix of the tree of `new`."""
    if not 0 < old <= new:
        raise ProofError(f"no consistency from size {old} to {new}")
    _only_hashes([old_root, new_root, *proof])
    if old == new:
        if proof or old_root != new_root:
            raise ProofError("two roots for one size" if not proof else "a proof between equal sizes")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError("the proof is empty")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = path[0]
    for step in path[1:]:
        if last == 0:
            raise ProofError("the proof has more hashes than the tree has levels")
        if position & 1 or position == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, step)
        position, last = position >> 1, last >> 1
    if last:
        raise ProofError("the proof has fewer hashes than the tree has levels")
    if first != old_root or second != new_root:
        raise ProofError("the older tree is not a prefix of the newer one")


def _only_hashes(values: Iterable[bytes]) -> None:
    if any(len(value) != HASH_SIZE for value in values):
        raise ProofError(f"every hash is {HASH_SIZE} bytes")
