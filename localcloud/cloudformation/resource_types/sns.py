"""AWS::SNS::Topic and AWS::SNS::TopicPolicy."""

from __future__ import annotations

import json

from localcloud.cloudformation.resource_types.resource_type import (
    Client,
    Clients,
    PhysicalResource,
    Properties,
    Value,
)


class Topic:
    """Ref is its ARN."""

    known = frozenset({"DisplayName", "Subscription", "TopicName"})
    fixed = frozenset({"TopicName"})

    def create(self, clients: Clients, name: str, properties: Properties) -> PhysicalResource:
        """CreateTopic."""
        name = properties.get("TopicName", name)
        arn = clients("sns").create_topic(Name=name)["TopicArn"]
        return PhysicalResource(arn, {"TopicArn": arn, "TopicName": name})

    def update(
        self, clients: Clients, physical: PhysicalResource, properties: Properties, before: Properties | None
    ) -> None:
        """DisplayName, Subscribe and Unsubscribe."""
        sns = clients("sns")
        if before is not None or "DisplayName" in properties:
            sns.set_topic_attributes(
                TopicArn=physical.id,
                AttributeName="DisplayName",
                AttributeValue=properties.get("DisplayName", ""),
            )
        wanted = {(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription", ())}
        there = {
            (one["Protocol"], one["Endpoint"]): one["SubscriptionArn"]
            for one in _subscriptions(sns, physical.id)
        }
        for protocol, endpoint in wanted - there.keys():
            sns.subscribe(TopicArn=physical.id, Protocol=protocol, Endpoint=endpoint)
        for gone in there.keys() - wanted:
            sns.unsubscribe(SubscriptionArn=there[gone])

    def delete(self, clients: Clients, physical: PhysicalResource) -> None:
        """DeleteTopic."""
        clients("sns").delete_topic(TopicArn=physical.id)


class TopicPolicy:
    """Not a thing of its own: an attribute of its topics."""

    known = frozenset({"PolicyDocument", "Topics"})
    fixed = frozenset({"Topics"})

    def create(self, clients: Clients, name: str, properties: Properties) -> PhysicalResource:
        """SetTopicAttributes of each topic."""
        for topic in properties["Topics"]:
            _set_policy(clients, topic, properties["PolicyDocument"])
        return PhysicalResource(name, {"Topics": " ".join(properties["Topics"])})

    def update(
        self, clients: Clients, physical: PhysicalResource, properties: Properties, before: Properties | None
    ) -> None:
        """The same again."""
        if before is not None:
            self.create(clients, physical.id, properties)

    def delete(self, clients: Clients, physical: PhysicalResource) -> None:
        """The policy that a topic has by default: its owner may do everything with it."""
        for topic in physical.attributes["Topics"].split():
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
