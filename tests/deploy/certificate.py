"""Certificates that nobody trusts by themselves."""

import subprocess


def certificate(folder):
    """A certificate for localhost, and its authority's: the files of the authority, of the chain and of the key."""
    authority, chain, key = (f"{folder}/{name}.pem" for name in ("authority", "chain", "key"))

    def make(name, out, key, *more):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-out", out, "-keyout", key, *more],
            check=True, capture_output=True)

    make("Nobody", authority, f"{folder}/authority.key")
    make("localhost", chain, key, "-CA", authority, "-CAkey", f"{folder}/authority.key",
         "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE")
    return authority, chain, key
