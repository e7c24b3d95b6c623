"""aws_iam_policy_document, compared with what the provider's documentation shows."""

import json
from typing import Any, cast

from provisioner.sandbox.session import Session
from provisioner.sandbox.sources import policy_document


def rendered(**config: Any) -> dict[str, Any]:
    answer = policy_document.read(cast(Session, None), config)
    assert json.loads(answer["json"]) == json.loads(answer["minified_json"])
    return dict(json.loads(answer["json"]))


class TestAPolicyDocument:
    def test_writes_lists_of_one_as_a_string_and_longer_ones_in_reverse_order(self) -> None:
        document = rendered(statement=[{"actions": ["s3:Get", "s3:Put"], "resources": ["*"]}])
        assert document == {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["s3:Put", "s3:Get"], "Resource": "*"}],
        }

    def test_keeps_the_order_of_keys(self) -> None:
        statement = {"sid": "A", "effect": "Deny", "actions": ["a:b"], "resources": ["*"]}
        answer = policy_document.read(cast(Session, None), {"policy_id": "P", "statement": [statement]})
        assert answer["minified_json"] == (
            '{"Version":"2012-10-17","Id":"P","Statement":'
            '[{"Sid":"A","Effect":"Deny","Action":"a:b","Resource":"*"}]}'
        )

    def test_writes_principals_by_type(self) -> None:
        everyone = {"principals": [{"type": "*", "identifiers": ["*"]}]}
        two = {"principals": [{"type": "AWS", "identifiers": ["1"]}, {"type": "AWS", "identifiers": ["2"]}]}
        statements = rendered(statement=[everyone, two])["Statement"]
        assert [part["Principal"] for part in statements] == ["*", {"AWS": ["2", "1"]}]

    def test_turns_the_ampersand_form_into_iam_variables(self) -> None:
        statement = {
            "resources": ["home/&{aws:username}"],
            "condition": [{"test": "StringLike", "variable": "s3:prefix", "values": ["&{aws:username}/*"]}],
        }
        (part,) = rendered(statement=[statement])["Statement"]
        assert part["Resource"] == "home/${aws:username}"
        assert part["Condition"] == {"StringLike": {"s3:prefix": "${aws:username}/*"}}

    def test_replaces_statements_by_sid_from_overriding_documents(self) -> None:
        override = json.dumps(
            {"Statement": [{"Sid": "A", "Effect": "Deny", "Action": "x:y", "Resource": "*"}]}
        )
        source = json.dumps({"Statement": {"Sid": "S", "Effect": "Allow", "Action": "s:s", "Resource": "*"}})
        statements = rendered(
            source_policy_documents=[source],
            statement=[{"sid": "A", "actions": ["a:b"], "resources": ["*"]}],
            override_policy_documents=[override],
        )["Statement"]
        assert [(part["Sid"], part["Effect"]) for part in statements] == [("S", "Allow"), ("A", "Deny")]
