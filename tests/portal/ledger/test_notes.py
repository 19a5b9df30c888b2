"""The example of the Go note package, which C2SP signed-note took over, and the checkpoint of tlog-checkpoint."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal.ledger import notes

KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+"
    "xeMcTOAYQ8=\n"
)


@pytest.fixture
def signer():
    return notes.Signer("log.example/one", Ed25519PrivateKey.generate())


def test_known_note_opens():
    assert notes.open_note(f"{TEXT}\n{SIGNATURE}", [notes.Verifier.parse(KEY)]) == TEXT


def test_verifier_key_is_written_as_it_was_read():
    assert str(notes.Verifier.parse(KEY)) == KEY


def test_changed_text_is_refused():
    with pytest.raises(notes.NoteError, match="invalid"):
        notes.open_note(f"{TEXT.replace('answer', 'Answer')}\n{SIGNATURE}", [notes.Verifier.parse(KEY)])


def test_note_of_an_unknown_key_is_refused(signer):
    with pytest.raises(notes.NoteError, match="no signature of a known key"):
        notes.open_note(f"{TEXT}\n{SIGNATURE}", [signer.verifier])


def test_published_checkpoint_is_read_and_written_alike():
    text, signatures = notes.split_note(CHECKPOINT)
    body = notes.CheckpointBody.parse(text)
    assert (body.origin, body.size, str(body)) == ("example.com/behind-the-sofa", 20852163, text)
    assert signatures[0][1][:4] == base64.b64decode("Az3grg==")


def test_signature_of_a_stranger_beside_ours_is_ignored(signer):
    stranger = notes.Signer("witness.example", Ed25519PrivateKey.generate())
    text = str(notes.CheckpointBody(signer.name, 1, bytes(32)))
    note = notes.sign(text, signer) + notes.sign(text, stranger).split("\n\n")[1]
    assert notes.open_checkpoint(note, signer.verifier).size == 1


def test_checkpoint_of_another_origin_is_refused(signer):
    note = notes.sign(str(notes.CheckpointBody("other.example", 1, bytes(32))), signer)
    with pytest.raises(notes.NoteError, match=r"other\.example"):
        notes.open_checkpoint(note, signer.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "o\n01\nAAAA\n",
        "o\n+1\nAAAA\n",
        "o\n1\nAAAA\n",
        "o\n1\n",
        "o\n\nx\n",
        "o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
    ],
)
def test_checkpoint_that_two_readers_could_read_differently_is_refused(text):
    with pytest.raises(notes.NoteError):
        notes.CheckpointBody.parse(text)


@pytest.mark.parametrize(
    "note", ["", "text\n", "text\n\n", "a\tb\n\n— n AAAAAAA=\n", "text\n\nn AAAAAAA=\n", b"\xff\n\n"]
)
def test_malformed_note_is_refused(note):
    with pytest.raises(notes.NoteError):
        notes.split_note(note)


def test_any_flipped_byte_of_text_or_signature_is_refused(signer):
    note = notes.sign(str(notes.CheckpointBody(signer.name, 7, bytes(range(32)))), signer).encode()
    for place in range(len(note)):
        spoilt = note[:place] + bytes([note[place] ^ 1]) + note[place + 1 :]
        with pytest.raises(notes.NoteError):
            notes.open_checkpoint(spoilt, signer.verifier)
