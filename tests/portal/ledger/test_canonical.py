import math

import pytest

from portal.ledger.canonical import CanonicalError, canonical_bytes, parse_strict


def test_canonical_bytes_follows_the_example_of_rfc_8785():
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert canonical_bytes(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_canonical_bytes_sorts_by_utf16_units():
    # U+1F600 is a pair of surrogates in UTF-16 and sorts before U+FB33, though its code point is larger.
    assert canonical_bytes({"\ufb33": 1, "\U0001f600": 2}).decode() == '{"\U0001f600":2,"\ufb33":1}'


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, -(2**53), "\ud800", object(), {1: 2}, {"a": b"x"}])
def test_canonical_bytes_refuses_what_readers_could_differ_about(value):
    with pytest.raises(CanonicalError):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":2}',
        "NaN",
        "[Infinity]",
        "1e999",
        str(2**53 + 1),
        str(-(2**60)),
        "1" * 400,
        b"\xff",
        "[" * 100_000,
        "{",
        "",
        '{"a":1} x',
    ],
)
def test_parse_strict_refuses(text):
    with pytest.raises(CanonicalError):
        parse_strict(text)


def test_parse_strict_names_the_key_given_twice():
    with pytest.raises(CanonicalError, match="'b' appears twice"):
        parse_strict('{"a":1,"b":2,"b":3}')


def test_parse_strict_reads_what_canonical_bytes_wrote():
    value = {"a": [1, 2.5, "ü", None, True], "b": {"c": -(2**53) + 1}}
    assert parse_strict(canonical_bytes(value)) == value


@pytest.mark.parametrize("value", [1e18, 1e20, 2.0**53, -(2.0**60), 1e21, 1.5e300])
def test_large_float_comes_back_as_it_was_written(value):
    assert parse_strict(canonical_bytes([value])) == [value]
