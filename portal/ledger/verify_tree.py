"""Verify the tree's tiles: each is as long as the tree's size says, and each hash is that of the tile below it."""

from __future__ import annotations

from collections import OrderedDict

from portal.ledger import merkle
from portal.ledger.findings import Findings, Report, chunks
from portal.ledger.models import LedgerEntry, Tile
from portal.ledger.services import tile_reader

TABLE = "ledger_tile"
CACHED = 256
SIZE = 256


def bounded_reader() -> merkle.ReadTile:
    """`read(level, index)` over the stored tiles that keeps the 256 last used."""
    kept: OrderedDict[merkle.TileKey, bytes] = OrderedDict()

    def read(level: int, index: int) -> bytes:
        key = (level, index)
        if key not in kept:
            kept[key] = tile_reader()(level, index)
            if len(kept) > CACHED:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key]

    return read


def root_or_none(read: merkle.ReadTile, size: int) -> bytes | None:
    """The root of the stored tree at that size, or None where its tiles do not reach."""
    try:
        return merkle.root(read, size)
    except (merkle.ProofError, ValueError, IndexError):
        return None


def stored_size() -> int:
    """How many leaves the stored tiles hold."""
    tile = Tile.objects.filter(level=0).order_by("-index").first()
    return 0 if tile is None else tile.index * merkle.TILE_WIDTH + len(tile.hashes) // merkle.HASH_SIZE


def check(found: Findings, report: Report) -> int:
    """Recompute every tile above the leaves from the one below it; returns the size that the tree has.

    The lowest tiles are compared with the entries by `verify_entries`.
    """
    size = stored_size()
    last = LedgerEntry.objects.filter(idx__isnull=False).order_by("-idx").values_list("idx", flat=True).first()
    if (last is None and size) or (last is not None and last + 1 < size):
        text = f"The tree holds {size} entries, the table ends at {0 if last is None else last + 1}: the tail is cut."
        found.add("entry-missing", "ledger_ledgerentry", 0 if last is None else last + 1, text)
    level = 0
    while True:
        _level(found, report, level, size)
        level += 1
        if not size >> (merkle.TILE_HEIGHT * level) and not Tile.objects.filter(level__gte=level).exists():
            return size


def _level(found: Findings, report: Report, level: int, size: int) -> None:
    expected = 0
    for batch in chunks(Tile.objects.filter(level=level), "index", SIZE):
        parents = _parents(level + 1, batch[0].index, batch[-1].index)
        for tile in batch:
            if tile.index > expected:
                text = f"Tile {level}/{expected} is missing (up to tile {level}/{tile.index})."
                found.add("tile-missing", TABLE, f"{level}/{expected}", text)
            expected = tile.index + 1
            _tile(found, tile, size, parents)
        report(50, f"Tree: level {level}, {expected:,} tiles")
    count = -(-(size >> (merkle.TILE_HEIGHT * level)) // merkle.TILE_WIDTH)
    if expected < count:
        found.add("tile-missing", TABLE, f"{level}/{expected}", f"Tile {level}/{expected} is missing.")


def _parents(level: int, first: int, last: int) -> dict[int, bytes]:
    span = (first // merkle.TILE_WIDTH, last // merkle.TILE_WIDTH)
    rows = Tile.objects.filter(level=level, index__range=span).values_list("index", "hashes")
    return {index: bytes(hashes) for index, hashes in rows}


def _tile(found: Findings, tile: Tile, size: int, parents: dict[int, bytes]) -> None:
    name, hashes = f"{tile.level}/{tile.index}", bytes(tile.hashes)
    width = merkle.tile_width(tile.level, tile.index, size)
    if len(hashes) != width * merkle.HASH_SIZE:
        text = f"Tile {name} has {len(hashes)} bytes; a tree of {size} entries needs {width * merkle.HASH_SIZE}."
        found.add("tile-length", TABLE, name, text)
        return
    if width < merkle.TILE_WIDTH:
        return
    above, place = divmod(tile.index, merkle.TILE_WIDTH)
    start = place * merkle.HASH_SIZE
    held = parents.get(above, b"")[start : start + merkle.HASH_SIZE]
    if held != merkle.fold(merkle.split(hashes)):
        text = f"Tile {name} does not give the hash that tile {tile.level + 1}/{above} holds for it."
        found.add("tile-differs", TABLE, name, text)
