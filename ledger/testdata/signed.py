#!/usr/bin/env python3
"""Writes signed.txt anew: IDs and signatures of the vectors of ../wire_test.go, whose bytes are written by hand there.

Nothing of salon's code is used, only SHA-256 and Ed25519 (the package cryptography). Run it in the folder ledger after a vector was
added or a format has changed: python3 testdata/signed.py
"""
import hashlib
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = Ed25519PrivateKey.from_private_bytes((1).to_bytes(4, "big") + bytes(28))  # seed(1)


def vector(text):
    """Hex; #nn is a byte string of 32 times nn, $nn of 16 times."""
    out = b""
    for word in text.split():
        if word[0] == "#":
            out += b"\x58\x20" + bytes.fromhex(word[1:]) * 32
        elif word[0] == "$":
            out += b"\x50" + bytes.fromhex(word[1:]) * 16
        else:
            out += bytes.fromhex(word)
    return out


def head(major, n):
    """The head of a CBOR item."""
    if n < 24:
        return bytes([major << 5 | n])
    if n < 1 << 8:
        return bytes([major << 5 | 24, n])
    return bytes([major << 5 | 25]) + n.to_bytes(2, "big")


def entry(kind, body):
    """An entry with a body: number 1000 of log #02, after entry #04, at time 2000; an open begins its log."""
    rest = b"\x05" + head(0, 2000) + b"\x06" + head(2, len(body)) + body
    if kind == 1:
        return b"\xa4\x01\x01\x03\x00" + rest
    return b"\xa6\x01" + head(0, kind) + vector("02 #02") + b"\x03" + head(0, 1000) + vector("04 #04") + rest


def signed(kind, body):
    message = b"salon/ledger-" + kind.encode() + b"/1\0" + body
    return hashlib.sha256(message).hexdigest(), KEY.sign(message).hex()


code = open("entry.go").read()
kinds = ["Open"] + re.findall(r"Kind(\w+)", re.search(r"KindOpen Kind = iota \+ 1(.*?)kinds", code, re.S)[1])
names = dict(re.findall(r'Kind(\w+): "(\w+)"', code))
bodies = {of: kind for kind, of in re.findall(r"Kind(\w+): body\[(\w+)\]", code)}
documents = {of: kind for kind, of in re.findall(r'"(\w+)": peekSigner\[(\w+)\]', code)}

tests = open("wire_test.go").read()
tests = tests[tests.index("var vectors"):tests.index("func TestWire")]
with open("testdata/signed.txt", "w") as out:
    for of, text in re.findall(r'\{&(\w+)\{(?:.|\n)*?"([0-9a-f#$ ]+)"\},\n', tests):
        if of in documents:
            print(documents[of], *signed(documents[of], vector(text)), file=out)
        elif of in bodies:
            kind = bodies[of]
            print("entry:" + names[kind], *signed("entry", entry(kinds.index(kind) + 1, vector(text))), file=out)
