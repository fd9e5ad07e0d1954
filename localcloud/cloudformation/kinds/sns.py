"""AWS::SNS::Topic and AWS::SNS::TopicPolicy."""

from __future__ import annotations

import json

from localcloud.cloudformation.kinds.kind import Client, Clients, Made, Properties, Value


class Topic:
    """Ref is its ARN."""

    known = frozenset({"DisplayName", "Subscription", "TopicName"})
    fixed = frozenset({"TopicName"})

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """CreateTopic."""
        name = properties.get("TopicName", name)
        arn = clients("sns").create_topic(Name=name)["TopicArn"]
        return Made(arn, {"TopicArn": arn, "TopicName": name})

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """DisplayName, Subscribe and Unsubscribe."""
        sns = clients("sns")
        if before is not None or "DisplayName" in properties:
            sns.set_topic_attributes(
                TopicArn=made.id,
                AttributeName="DisplayName",
                AttributeValue=properties.get("DisplayName", ""),
            )
        wanted = {(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription", ())}
        there = {
            (one["Protocol"], one["Endpoint"]): one["SubscriptionArn"] for one in _subscriptions(sns, made.id)
        }
        for protocol, endpoint in wanted - there.keys():
            sns.subscribe(TopicArn=made.id, Protocol=protocol, Endpoint=endpoint)
        for gone in there.keys() - wanted:
            sns.unsubscribe(SubscriptionArn=there[gone])

    def delete(self, clients: Clients, made: Made) -> None:
        """DeleteTopic."""
        clients("sns").delete_topic(TopicArn=made.id)


class TopicPolicy:
    """Not a thing of its own: an attribute of its topics."""

    known = frozenset({"PolicyDocument", "Topics"})
    fixed = frozenset({"Topics"})

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """SetTopicAttributes of each topic."""
        for topic in properties["Topics"]:
            _set_policy(clients, topic, properties["PolicyDocument"])
        return Made(name, {"Topics": " ".join(properties["Topics"])})

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """The same again."""
        if before is not None:
            self.make(clients, made.id, properties)

    def delete(self, clients: Clients, made: Made) -> None:
        """The policy that a topic has by default: its owner may do everything with it."""
        for topic in made.attributes["Topics"].split():
            owner = {"StringEquals": {"AWS:SourceOwner": topic.split(":")[4]}}
            allow = {
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": _OWNERS,
                "Resource": topic,
                "Condition": owner,
            }
            _set_policy(
                clients, topic, {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [allow]}
            )


_OWNERS = [
    f"SNS:{action}"
    for action in (
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
    )
] + [f"SNS:{action}" for action in ("Subscribe", "ListSubscriptionsByTopic", "Publish")]


def _set_policy(clients: Clients, topic: str, document: Value) -> None:
    clients("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document)
    )


def _subscriptions(sns: Client, topic: str) -> list[dict[str, str]]:
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [one for page in pages for one in page["Subscriptions"]]
