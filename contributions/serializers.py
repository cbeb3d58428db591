"""What the API of recorded work takes and gives."""

from typing import Any

from rest_framework import serializers

from contributions.models import State, Verdict, Workflow
from lam_core.schema import MAX_BATCH


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    """What the verifier said, and why."""

    class Meta:
        model = Verdict
        fields = (
            "accepted",
            "reasons",
            "verified_actions",
            "score",
            "goal",
            "demo",
            "release_hash",
            "assessed_at",
        )


class WorkflowSerializer(serializers.ModelSerializer[Workflow]):
    """A workflow without its content. `attested` is an operator's word on the outcome."""

    verdict = VerdictSerializer(read_only=True, allow_null=True, default=None)
    withdrawn_at = serializers.DateTimeField(
        source="withdrawal.requested_at", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = Workflow
        fields = (
            "id",
            "state",
            "task",
            "source",
            "site",
            "received_at",
            "body_digest",
            "body_bytes",
            "steps",
            "actions",
            "attested",
            "attested_by",
            "verdict",
            "withdrawn_at",
        )


class AttestationSerializer(serializers.Serializer[Any]):
    """An operator's EIP-712 signature over id, digest and outcome of an imported recording."""

    success = serializers.BooleanField()
    operator = serializers.CharField()
    signature = serializers.CharField()


class EnvelopeSerializer(serializers.Serializer[Any]):
    """A workflow (see the published JSON Schema) and, from an operator, its attestation."""

    workflow = serializers.DictField()
    attestation = AttestationSerializer(required=False)


class WorkflowPageSerializer(serializers.Serializer[Any]):
    """A page of workflows with the addresses of its neighbours."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = WorkflowSerializer(many=True)


class WorkflowFilterSerializer(serializers.Serializer[Any]):
    """What to list."""

    state = serializers.ChoiceField(choices=State.choices, required=False)
    task = serializers.CharField(max_length=120, required=False)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=32, required=False
    )


class BatchSerializer(serializers.Serializer[Any]):
    """Several envelopes of one contributor."""

    workflows = serializers.ListField(
        child=EnvelopeSerializer(), min_length=1, max_length=MAX_BATCH
    )


class BatchItemSerializer(serializers.Serializer[Any]):
    """What became of one envelope: `status` as if it had been sent alone, 201, 200, 400 or 409."""

    status = serializers.IntegerField()
    id = serializers.UUIDField(allow_null=True, help_text="null when refused")
    problem = serializers.DictField(allow_null=True, help_text="problem details when refused")


class BatchResultSerializer(serializers.Serializer[Any]):
    """What became of each envelope, in the order they were sent."""

    results = BatchItemSerializer(many=True)
