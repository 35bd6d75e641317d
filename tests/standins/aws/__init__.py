"""An AWS that answers on this machine: moto, and around it what moto lacks or does more simply than AWS does.

`server.AwsStandIn` is the way in. Every request passes `gateway`, which records it and may break it on
purpose (`calls`), holds it against an IAM policy (`permissions`) and the service's model (`constraints`), and
hands it to an operation of this package, else to moto.
docs/explanation/proof.md says what this proves and what not.
"""
