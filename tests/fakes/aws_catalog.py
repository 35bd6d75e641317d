"""A fake of the AWS APIs with instance types: EC2 DescribeInstanceTypes and Pricing GetProducts.

It responds over HTTP in pages: EC2's query protocol in XML, the Price List's JSON 1.1. It validates requests
and returns the error codes of AWS: for the service and Region of a signature (not the signature itself), the
action, the names and number of filters and values, and page tokens.

Limits: only the fields that catalog/refresh_instances.py reads, and only the filters instance-type,
regionCode and component. It has only the types that it is created with. No HTTPS and no rate limits.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
HANG_SECONDS = 2.0
Item = dict[str, Any]


class Refused(Exception):
    """An error response of AWS: HTTP status, code and message."""


@dataclass
class AwsCatalog:
    """The types and products, the failures to inject, and the recorded calls.

    `types` are EC2's descriptions by name, nested like EC2's XML. `products` are Price List products.
    `failures` are by service ("ec2", "pricing"), one per call: throttle, denied, garbage, hang, error.
    """

    types: dict[str, Item]
    products: list[Item]
    page: int = 2
    failures: dict[str, list[str]] = field(default_factory=dict)
    calls: list[tuple[str, Item]] = field(default_factory=list)
    url: str = ""

    def describe_instance_types(self, form: dict[str, str]) -> bytes:
        if form.pop("Action") != "DescribeInstanceTypes" or form.pop("Version") != "2016-11-15":
            raise Refused(400, "InvalidAction", "The action is not valid for this web service.")
        if form.pop("Filter.1.Name", None) != "instance-type":
            raise Refused(400, "InvalidParameterValue", "The filter is invalid.")
        everywhere = form.pop("IncludeUnsupportedInRegion", "false") == "true"
        token = form.pop("NextToken", None)
        wanted = [form.pop(key) for key in list(form) if key.startswith("Filter.1.Value.")]
        if form:
            raise Refused(400, "UnknownParameter", f"Unknown parameters: {', '.join(form)}")
        if len(wanted) > 200:
            raise Refused(400, "FilterLimitExceeded", "The maximum number of filter values is 200.")
        here = [
            {"instanceType": name, **item}
            for name, item in self.types.items()
            if name in wanted and (everywhere or item.get("supportedInRegion", True))
        ]
        items, following = self.paged(here, token)
        body = f"<requestId>1</requestId>{xml('instanceTypeSet', items)}"
        body += xml("nextToken", following) if following else ""
        root = "DescribeInstanceTypesResponse"
        return f'<?xml version="1.0"?><{root} xmlns="{NAMESPACE}">{body}</{root}>'.encode()

    def get_products(self, call: Item) -> bytes:
        if call.get("ServiceCode") != "AmazonSageMaker":
            raise Refused(400, "NotFoundException", "The service code does not exist.")
        wanted = {}
        for item in call["Filters"]:
            if item["Type"] != "TERM_MATCH" or item["Field"] not in ("regionCode", "component"):
                raise Refused(400, "InvalidParameterException", f"{item['Field']} is not a valid filter.")
            wanted[item["Field"]] = item["Value"]
        found = [
            product for product in self.products if wanted.items() <= product["product"]["attributes"].items()
        ]
        items, following = self.paged(found, call.get("NextToken"))
        answer: Item = {
            "FormatVersion": "aws_v1",
            "PriceList": [json.dumps(item) for item in items],
        }
        return json.dumps({**answer, "NextToken": following} if following else answer).encode()

    def paged(
        self, items: list[dict[str, Any]], token: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return the page of `token`, the first without one, and the next token."""
        if token is not None and not token.startswith("page-"):
            raise Refused(400, "InvalidNextToken", "The token is not valid.")
        start = int((token or "page-0").removeprefix("page-"))
        end = start + self.page
        return items[start:end], f"page-{end}" if end < len(items) else None


def product(name: str, usd: str, *, region: str = "us-east-1", component: str = "Hosting") -> Item:
    """Return a product of the Price List: an hour of a SageMaker instance, after a free tier of 125 hours."""
    prefix = {"us-east-1": "USE1-", "eu-west-1": "EU-"}[region]
    usage = {"Hosting": "Host", "Training": "Train"}[component]
    dimensions = {
        "free": {"unit": "Hrs", "endRange": "125", "pricePerUnit": {"USD": "0.0000000000"}},
        "paid": {"unit": "Hrs", "endRange": "Inf", "pricePerUnit": {"USD": usd}},
    }
    attributes = {
        "regionCode": region,
        "component": component,
        "instanceName": name,
        "usagetype": f"{prefix}{usage}:{name}",
    }
    terms = {"OnDemand": {"SKU.TERM": {"priceDimensions": dimensions}}}
    return {"product": {"productFamily": "ML Instance", "attributes": attributes}, "terms": terms}


def described(
    vcpu: int, mib: int, architectures: tuple[str, ...] = ("x86_64",), *, burstable: bool = False, **more: Any
) -> Item:
    """Return the description of a type by EC2, named and nested as in its XML."""
    return {
        "burstablePerformanceSupported": burstable,
        "processorInfo": {"supportedArchitectures": list(architectures)},
        "vCpuInfo": {"defaultVCpus": vcpu},
        "memoryInfo": {"sizeInMiB": mib},
        **more,
    }


def xml(tag: str, value: Any) -> str:
    """Return `value` in the XML of EC2: lists as items, booleans in lower case."""
    if isinstance(value, dict):
        inner = "".join(xml(key, item) for key, item in value.items())
    elif isinstance(value, list):
        inner = "".join(xml("item", item) for item in value)
    else:
        inner = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{tag}>{inner}</{tag}>"


@contextmanager
def serving(catalog: AwsCatalog) -> Iterator[AwsCatalog]:
    """Serve `catalog` on a free port of this machine; `url` is the endpoint of both services."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            service = "pricing" if "X-Amz-Target" in self.headers else "ec2"
            call = json.loads(body) if service == "pricing" else dict(parse_qsl(body))
            catalog.calls.append((service, dict(call)))
            failures = catalog.failures.get(service, [])
            try:
                self.check_signature(service)
                if failures:
                    self.fail(service, failures.pop(0))
                elif service == "pricing":
                    if self.headers["X-Amz-Target"] != "AWSPriceListService.GetProducts":
                        raise Refused(400, "UnknownOperationException", "")
                    self.answer(200, catalog.get_products(call))
                else:
                    self.answer(200, catalog.describe_instance_types(call))
            except Refused as refusal:
                self.refuse(service, *refusal.args)

        def check_signature(self, service: str) -> None:
            scope = f"/us-east-1/{service}/aws4_request, SignedHeaders="
            if scope not in self.headers.get("Authorization", ""):
                raise Refused(403, "SignatureDoesNotMatch", f"The credential is not scoped to {service}.")

        def fail(self, service: str, failure: str) -> None:
            ec2 = service == "ec2"
            if failure == "throttle":
                code = "RequestLimitExceeded" if ec2 else "ThrottlingException"
                raise Refused(503 if ec2 else 400, code, "Request limit exceeded.")
            if failure == "denied":
                code = "UnauthorizedOperation" if ec2 else "AccessDeniedException"
                raise Refused(403 if ec2 else 400, code, "You are not authorized to perform this operation.")
            if failure == "error":
                raise Refused(500, "InternalError" if ec2 else "InternalErrorException", "An error occurred.")
            if failure == "hang":
                time.sleep(HANG_SECONDS)
                return
            self.answer(200, b"<html><body>Sign in to the hotel's network")

        def refuse(self, service: str, status: int, code: str, message: str) -> None:
            if service == "pricing":
                self.answer(status, json.dumps({"__type": code, "Message": message}).encode())
            else:
                error = xml("Errors", {"Error": {"Code": code, "Message": message}})
                self.answer(status, f"<Response>{error}<RequestID>1</RequestID></Response>".encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    catalog.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield catalog
    finally:
        server.shutdown()
        server.server_close()
