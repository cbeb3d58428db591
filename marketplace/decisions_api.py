"""The API of the model's decisions: what to do where an automation's anchors fail."""

from typing import Any, cast, get_args

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from accounts.permissions import CanAutomate
from contributions import blocklist, refusals
from contributions.envelope import EnvelopeError
from contributions.parsers import EnvelopeParser
from lam_core.schema import SchemaError
from lam_core.takeover import ChosenKind, Question, parse_question

MAX_BYTES = 4 * 1024 * 1024
KINDS = [(kind, kind) for kind in get_args(ChosenKind)]


class QuestionParser(EnvelopeParser):
    """A question as bytes, parsed once, by its schema."""

    @property
    def most_bytes(self) -> int:
        """A page of as many elements as the schema takes is smaller."""
        return MAX_BYTES


class ModelAway(exceptions.APIException):
    """503: the model release in force is not on this machine."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "no_model"
    default_detail = "The model release in force can't be used here."


class QuestionSerializer(serializers.Serializer[Any]):
    """A question, as lam_core.takeover.Question reads it."""

    instruction = serializers.CharField(max_length=2_000, help_text="Values of parameters masked.")
    observation = serializers.DictField(help_text="As in a workflow: redacted, of the page now.")
    step = serializers.DictField(help_text="The `kind` of the step, `tag` of its recorded target.")
    done = serializers.ListField(
        child=serializers.DictField(), required=False, help_text="Steps done: kind, element, text."
    )


class ChosenSerializer(serializers.Serializer[Any]):
    """What to do; `text` is a span of the instruction, start and end in code points."""

    kind = serializers.ChoiceField(choices=KINDS)
    target = serializers.IntegerField(allow_null=True)
    key = serializers.CharField(allow_null=True)
    modifiers = serializers.ListField(child=serializers.CharField())
    text = serializers.ListField(child=serializers.IntegerField(), allow_null=True)


class AnswerSerializer(serializers.Serializer[Any]):
    """The decision; `action` is null where the model is unsure."""

    action = ChosenSerializer(allow_null=True)
    confidence = serializers.FloatField(min_value=0, max_value=1)
    stands_for_step = serializers.BooleanField()
    release = serializers.CharField()


class DecisionView(APIView):
    """Signed in; tokens need the scope "automate"."""

    permission_classes = (CanAutomate,)
    parser_classes = (QuestionParser,)
    throttle_classes = (ScopedRateThrottle,)
    throttle_scope = "decide"

    @extend_schema(
        operation_id="decide",
        description=(
            "What the model in force would do on a page where an automation's anchors fail. The "
            "observation is that of a workflow, redacted; nothing sent is stored or logged. The "
            "body may be gzip (Content-Encoding). Tokens need the scope `automate`."
        ),
        request=QuestionSerializer,
        responses={
            200: AnswerSerializer,
            413: OpenApiResponse(description=f"More than {MAX_BYTES} bytes."),
            429: OpenApiResponse(description="Too many questions of this account."),
            503: OpenApiResponse(
                OpenApiTypes.OBJECT, description="The release in force is not on this machine."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """The decision."""
        # Torch takes seconds and 200 MB: only processes that decide pay for it.
        from marketplace import model

        question = _question(cast(bytes, request.data))
        try:
            answer, release = model.decide(question)
        except model.NoModel as error:
            raise ModelAway(str(error)) from error
        return Response({**answer.model_dump(mode="json"), "release": release.hash})


def _question(body: bytes) -> Question:
    """The question of a body. Raises ValidationError."""
    try:
        question = parse_question(body)
        blocklist.check_page(question.observation)
    except SchemaError as error:
        raise refusals.of(EnvelopeError(error.errors, "schema")) from None
    except blocklist.Blocked as error:
        raise refusals.of(
            EnvelopeError([("observation.page", str(error))], "blocked_site")
        ) from None
    except blocklist.BadOrigin as error:
        raise refusals.of(EnvelopeError([("observation.page", str(error))], "bad_origin")) from None
    return question
