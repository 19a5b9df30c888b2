"""Properties of the ledger's pure parts, for any input that Hypothesis thinks of."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from portal.ledger import merkle, notes
from portal.ledger.canonical import MAX_SAFE_INTEGER, canonical_bytes, parse_strict
from portal.ledger.personal import commit, opens

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | texts | st.floats(allow_nan=False, allow_infinity=False)
scalars |= st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
sizes = st.integers(1, 700)
SIGNER = notes.Signer("log.example", Ed25519PrivateKey.generate())


def leaves(count):
    return [merkle.leaf_hash(str(number).encode()) for number in range(count)]


def grown(batches):
    tiles: dict[tuple[int, int], bytes] = {}
    everything = leaves(sum(batches))

    def read(level, index):
        return tiles.get((level, index), b"")

    size = 0
    for batch in batches:
        tiles.update(merkle.append(size, read, everything[size : size + batch]))
        size += batch
    return read


def naive_root(hashes):
    """MTH as RFC 6962 2.1 defines it, by recursion over a list."""
    if len(hashes) == 1:
        return hashes[0]
    cut = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + naive_root(hashes[:cut]) + naive_root(hashes[cut:])).digest()


@given(st.lists(st.integers(0, 300), max_size=5).filter(any))
def test_root_does_not_depend_on_the_batches_and_is_that_of_the_definition(batches):
    size = sum(batches)
    assert merkle.root(grown(batches), size) == naive_root(leaves(size))


@given(sizes, st.data())
def test_every_inclusion_proof_verifies_and_a_changed_one_does_not(size, data):
    index = data.draw(st.integers(0, size - 1))
    read, hashes = grown([size]), leaves(size)
    root, proof = merkle.root(read, size), merkle.inclusion_proof(read, index, size)
    merkle.verify_inclusion(hashes[index], index, size, proof, root)
    if proof:
        place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        spoilt = bytearray(proof[place])
        spoilt[bit // 8] ^= 1 << bit % 8
        with pytest.raises(merkle.ProofError):
            merkle.verify_inclusion(
                hashes[index], index, size, [*proof[:place], bytes(spoilt), *proof[place + 1 :]], root
            )


@given(sizes, st.data())
def test_inclusion_proof_of_one_place_does_not_serve_another(size, data):
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda value: value != index)) if size > 1 else 1
    read = grown([size])
    proof = merkle.inclusion_proof(read, index, size)
    with pytest.raises(merkle.ProofError):
        merkle.verify_inclusion(leaves(size)[index], other, size, proof, merkle.root(read, size))


@given(sizes, st.data())
def test_every_consistency_proof_verifies_and_not_for_another_past(size, data):
    old = data.draw(st.integers(1, size))
    read = grown([size])
    before, after = merkle.root(read, old), merkle.root(read, size)
    proof = merkle.consistency_proof(read, old, size)
    merkle.verify_consistency(old, size, before, after, proof)
    with pytest.raises(merkle.ProofError):
        merkle.verify_consistency(old, size, hashlib.sha256(before).digest(), after, proof)


@given(values)
def test_canonical_form_is_read_back_and_written_alike(value):
    written = canonical_bytes(value)
    assert canonical_bytes(parse_strict(written)) == written


@given(st.dictionaries(texts, scalars, min_size=2, max_size=6), st.randoms())
def test_canonical_form_does_not_depend_on_the_order_of_keys(value, random):
    keys = list(value)
    random.shuffle(keys)
    assert canonical_bytes({key: value[key] for key in keys}) == canonical_bytes(value)


@given(st.text(min_size=1, max_size=20), values)
def test_commitment_opens_with_its_own_name_and_value_only(name, value):
    name = name.encode("utf-8", "replace").decode()
    made = commit(name, value)
    assert opens(made.digest, name=name, salt=made.salt, value=made.value)
    assert not opens(made.digest, name=f"{name}x", salt=made.salt, value=made.value)
    assert not opens(made.digest, name=name, salt=bytes(16), value=made.value)
    assert commit(name, value).digest != made.digest


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoint_is_read_as_it_was_written(size, root):
    body = notes.CheckpointBody(SIGNER.name, size, root)
    assert notes.open_checkpoint(notes.sign(str(body), SIGNER), SIGNER.verifier) == body


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_that_is_not_a_note_opens(note):
    with pytest.raises(notes.NoteError):
        notes.open_checkpoint(note, SIGNER.verifier)
