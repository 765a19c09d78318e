"""State in an object of an S3 bucket: what is known of it without opening it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from iac.core.origin import HOW_URL, url_problem
from iac.ports.settings import BackendSettings, Problem
from iac.ports.site import ValueSource


class S3Place(BackendSettings, frozen=True):
    """An object in a bucket.

    Attributes:
        bucket: its name.
        key: of the document; the lock's is this with ".lock" behind it.
        region: "" for that of the environment (AWS_REGION), else us-east-1.
        endpoint: URL of the service, the bucket being the first part of the path; "" for the environment's
            (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), else Amazon's.
        access_key_id: None for obstore's own way: AWS_* of the environment, a web identity, a container's or a
            machine's role.
        secret_access_key: goes with it.
    """

    name: ClassVar = "s3"
    keys: ClassVar = ("bucket", "key", "region", "endpoint", "access_key_id", "secret_access_key")
    needed: ClassVar = {"bucket": "NAME"}
    together: ClassVar = ("access_key_id", "secret_access_key")
    document_key: ClassVar = "key"
    opener: ClassVar = "iac.backends.s3.bucket"
    extra: ClassVar = "s3"

    bucket: str
    key: str
    region: str = ""
    endpoint: str = ""
    access_key_id: ValueSource | None = None
    secret_access_key: ValueSource | None = None

    @classmethod
    def parse(cls, keys: Mapping[str, Any], project: str, environment: str) -> S3Place:
        """The object that the keys name."""
        return cls(
            keys.get("bucket", ""),
            keys.get("key", cls.usual(project, environment)),
            keys.get("region", ""),
            keys.get("endpoint", ""),
            ValueSource.find("state", keys, "access_key_id"),
            ValueSource.find("state", keys, "secret_access_key"),
        )

    @classmethod
    def problems(cls, keys: Mapping[str, Any]) -> Iterator[Problem]:
        """An endpoint that no credentials are sent to."""
        if "endpoint" in keys and (problem := url_problem(keys["endpoint"])):
            yield "endpoint", problem, HOW_URL

    @property
    def where(self) -> str:
        """Bucket, key and endpoint; a login in the endpoint is left out."""
        scheme, _, rest = self.endpoint.partition("://")
        host, slash, path = rest.partition("/")
        at = f" at {scheme}://{host.rpartition('@')[2]}{slash}{path}" if self.endpoint else ""
        return f"s3://{self.bucket}/{self.key}{at}"

    @property
    def login(self) -> tuple[ValueSource | None, ValueSource | None]:
        """Id and secret of the access key."""
        return self.access_key_id, self.secret_access_key
