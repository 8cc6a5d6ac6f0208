"""Makes aws-vectors.json anew: requests as botocore builds and signs them, for crates/warehouse/src/aws.

python3 -m venv venv && venv/bin/pip install botocore==1.44.8 && venv/bin/python aws-vectors.py >aws-vectors.json
"""

import json
from datetime import datetime, timezone
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
import botocore.loaders
import botocore.model
import botocore.serialize
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
SESSION = ("ASIAEXAMPLE", "a secret with odd=chars/+", "IQoJb3JpZ2luX2VjE//+token==" * 12)

CASES = [
    ("user", "redshift", "GetClusterCredentials", "eu-central-1", KEYS, "2026-01-31T10:00:00Z", None,
     {"DbUser": "reader", "DbName": "dev", "ClusterIdentifier": "examplecluster", "DurationSeconds": 900, "AutoCreate": False}),
    ("groups and a new user", "redshift", "GetClusterCredentials", "us-east-1", SESSION, "2026-12-31T23:59:59Z", None,
     {"DbUser": "etl", "DbName": "analytics", "ClusterIdentifier": "c-1", "DurationSeconds": 3600, "AutoCreate": True,
      "DbGroups": ["readers", "more readers"]}),
    ("odd characters", "redshift", "GetClusterCredentials", "cn-north-1", SESSION, "2027-02-28T00:00:00Z", None,
     {"DbUser": "a+b c&d=e%f/ä~ü'*()!", "DbName": "日本 db;#?@:,$[]", "ClusterIdentifier": "x", "DurationSeconds": 901, "AutoCreate": False}),
    ("no database", "redshift", "GetClusterCredentials", "us-gov-west-1", KEYS, "2026-02-01T01:02:03Z", None,
     {"DbUser": "u", "ClusterIdentifier": "x", "DurationSeconds": 900, "AutoCreate": False}),
    ("identity", "redshift", "GetClusterCredentialsWithIAM", "eu-west-3", KEYS, "2026-03-01T12:30:00Z", None,
     {"DbName": "dev", "ClusterIdentifier": "examplecluster", "DurationSeconds": 900}),
    ("identity with a token", "redshift", "GetClusterCredentialsWithIAM", "ap-southeast-2", SESSION, "2026-03-01T12:30:00Z", None,
     {"DbName": "a b", "ClusterIdentifier": "examplecluster", "DurationSeconds": 1800}),
    ("workgroup", "redshift-serverless", "GetCredentials", "eu-central-1", KEYS, "2026-04-05T06:07:08Z", None,
     {"dbName": "dev", "durationSeconds": 900, "workgroupName": "default"}),
    ("workgroup, odd characters", "redshift-serverless", "GetCredentials", "us-east-2", SESSION, "2026-04-05T06:07:08Z", None,
     {"dbName": "d\"b\\ä\n/", "durationSeconds": 3600, "workgroupName": "wg-1"}),
    ("role", "sts", "AssumeRole", "eu-central-1", KEYS, "2026-05-05T06:07:08Z", None,
     {"RoleArn": "arn:aws:iam::123456789012:role/path/Reader", "RoleSessionName": "outflow", "DurationSeconds": 900, "ExternalId": "x:/y=1"}),
    ("role with a token", "sts", "AssumeRole", "us-east-1", SESSION, "2026-05-05T06:07:08Z", None,
     {"RoleArn": "arn:aws-cn:iam::123456789012:role/R+x=,.@-_", "RoleSessionName": "me@example.com"}),
    ("a port", "redshift", "GetClusterCredentialsWithIAM", "us-east-1", KEYS, "2026-05-05T06:07:08Z", "http://127.0.0.1:4566",
     {"DbName": "dev", "ClusterIdentifier": "examplecluster", "DurationSeconds": 900}),
]


def vector(name, service, action, region, keys, time, url, parameters):
    loader = botocore.loaders.Loader()
    model = botocore.model.ServiceModel(loader.load_service_model(service, "service-2"), service)
    serializer = botocore.serialize.create_serializer(model.protocol)
    built = serializer.serialize_to_request(parameters, model.operation_model(action))
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    url = (url or f"https://{service}.{region}.{suffix}") + built["url_path"]
    data = built["body"]
    headers = {k.lower(): v for k, v in built["headers"].items()}
    request = AWSRequest(method="POST", url=url, data=data, headers=dict(headers))
    prepared = request.prepare()
    body = prepared.body.decode() if isinstance(prepared.body, bytes) else prepared.body
    request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    at = datetime.fromisoformat(time.replace("Z", "+00:00"))
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.astimezone(timezone.utc)):
        botocore.auth.SigV4Auth(Credentials(*keys), service, region).add_auth(request)
    names = ["x-amz-date"] + (["x-amz-security-token"] if keys[2] else []) + ["authorization"]
    parts = urlsplit(url)
    return {
        "name": name, "action": action, "service": service, "region": region, "time": time, "id": keys[0], "secret": keys[1], "token": keys[2],
        "parameters": parameters, "host": parts.netloc, "path": parts.path, "headers": headers, "body": body,
        "signed": {n: request.headers[n] for n in names},
    }


print(json.dumps([vector(*case) for case in CASES], indent=1, ensure_ascii=False))
