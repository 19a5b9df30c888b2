"""Vectors of RFC 6962 as the reference implementation of Certificate Transparency publishes them."""

import hashlib
from itertools import pairwise

import pytest

from portal.ledger import merkle

LEAVES = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


class Store:
    """Tiles in memory."""

    def __init__(self, hashes=()):
        self.tiles, self.size = {}, 0
        self.add(hashes)

    def read(self, level, index):
        return self.tiles.get((level, index), b"")

    def add(self, hashes):
        hashes = list(hashes)
        self.tiles |= merkle.append(self.size, self.read, hashes)
        self.size += len(hashes)


@pytest.fixture
def vectors():
    return Store(merkle.leaf_hash(leaf) for leaf in LEAVES)


def test_root_of_nothing_is_the_hash_of_nothing():
    assert merkle.root(Store().read, 0) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_root_is_that_of_rfc_6962(vectors, size):
    assert merkle.root(vectors.read, size).hex() == ROOTS[size - 1]


def test_inclusion_proof_is_that_of_rfc_6962(vectors):
    assert [step.hex() for step in merkle.inclusion_proof(vectors.read, 0, 8)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_consistency_proof_is_that_of_rfc_6962(vectors):
    assert [step.hex() for step in merkle.consistency_proof(vectors.read, 6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_inclusion_up_to_eight_verifies_and_no_other_leaf_does(vectors):
    for size in range(1, 9):
        root = merkle.root(vectors.read, size)
        for index in range(size):
            proof = merkle.inclusion_proof(vectors.read, index, size)
            merkle.verify_inclusion(merkle.leaf_hash(LEAVES[index]), index, size, proof, root)
            with pytest.raises(merkle.ProofError):
                merkle.verify_inclusion(merkle.leaf_hash(b"forged"), index, size, proof, root)


def test_every_consistency_up_to_eight_verifies(vectors):
    roots = {size: merkle.root(vectors.read, size) for size in range(1, 9)}
    for old in range(1, 9):
        for new in range(old, 9):
            proof = merkle.consistency_proof(vectors.read, old, new)
            merkle.verify_consistency(old, new, roots[old], roots[new], proof)
            with pytest.raises(merkle.ProofError):
                merkle.verify_consistency(old, new, hashlib.sha256(b"x").digest(), roots[new], proof)


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 65_536, 65_537])
def test_proofs_hold_across_the_borders_of_tiles(size):
    hashes = [merkle.leaf_hash(str(number).encode()) for number in range(size)]
    store = Store(hashes)
    root = merkle.root(store.read, size)
    for index in {0, 1, size // 2, size - 2, size - 1}:
        merkle.verify_inclusion(hashes[index], index, size, merkle.inclusion_proof(store.read, index, size), root)
    for old, new in pairwise(sorted({1, size // 3 + 1, size - 1, size})):
        proof = merkle.consistency_proof(store.read, old, new)
        merkle.verify_consistency(old, new, merkle.root(store.read, old), merkle.root(store.read, new), proof)


def test_proof_that_is_too_long_or_too_short_is_refused(vectors):
    root, proof = merkle.root(vectors.read, 8), merkle.inclusion_proof(vectors.read, 3, 8)
    for spoilt in ([*proof, proof[-1]], proof[:-1], []):
        with pytest.raises(merkle.ProofError):
            merkle.verify_inclusion(merkle.leaf_hash(LEAVES[3]), 3, 8, spoilt, root)


def test_proof_of_a_leaf_outside_the_tree_is_refused(vectors):
    with pytest.raises(merkle.ProofError):
        merkle.inclusion_proof(vectors.read, 8, 8)


def test_missing_tile_is_said(vectors):
    vectors.tiles.clear()
    with pytest.raises(merkle.ProofError, match="tile 0/0 is shorter"):
        merkle.root(vectors.read, 8)


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [(0, 1234067, 256, "tile/0/x001/x234/067"), (1, 0, 5, "tile/1/000.p/5"), (0, 0, 256, "tile/0/000")],
)
def test_tile_path_is_that_of_tlog_tiles(level, index, width, path):
    assert merkle.tile_path(level, index, width) == path
