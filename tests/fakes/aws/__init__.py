"""A fake AWS on this machine: moto, with additions where moto lacks a feature or simplifies it.

`server.FakeAws` is the entry. Every request passes `gateway`, which records it, injects faults (`calls`),
checks it against an IAM policy (`permissions`) and the service model (`constraints`), and forwards it to an
operation of this package, or else to moto. docs/explanation/proof.md describes the limits of such tests.
"""
