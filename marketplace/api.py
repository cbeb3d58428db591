"""The API of the marketplace: automations and their uses."""

from typing import Any

from django.db.models import Count, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, generics, serializers, status
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import Conflict, refuse, user_of
from accounts.permissions import CanAutomate, CanRead
from marketplace import automations, recipe, uses
from marketplace.models import Automation, AutomationState, Outcome, Use
from points.api import NewestFirst


class Gone(exceptions.APIException):
    """It was there once."""

    status_code = status.HTTP_410_GONE
    default_code = "gone"


class NewestUseFirst(NewestFirst):
    """Uses by time: their ids are random."""

    ordering = ("-at", "-id")


class AutomationSerializer(serializers.ModelSerializer[Automation]):
    """A published automation. Who made it is not told; what it costs follows from the policy."""

    use_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Automation
        fields = (
            "id", "title", "description", "parameters", "actions", "state", "published_at",
            "use_count",
        )  # fmt: skip


class PublishSerializer(serializers.Serializer[Any]):
    """What to publish: an accepted workflow of one's own."""

    workflow = serializers.UUIDField()
    title = serializers.CharField(max_length=120)
    description = serializers.CharField(
        max_length=2000, required=False, default="", allow_blank=True
    )
    parameters = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, default=list, max_length=20
    )


def _listed() -> QuerySet[Automation]:
    return Automation.objects.annotate(use_count=Count("uses"))


class AutomationsView(generics.ListAPIView[Automation]):
    """Anyone lists; publishing needs the scope `automate`."""

    serializer_class = AutomationSerializer
    pagination_class = NewestFirst

    def get_permissions(self) -> list[BasePermission]:
        """Anyone may look."""
        return [CanAutomate() if self.request and self.request.method == "POST" else AllowAny()]

    def get_queryset(self) -> QuerySet[Automation]:
        """Those that can be run."""
        return _listed().filter(state=AutomationState.PUBLISHED)

    @extend_schema(
        operation_id="automations",
        description="Anyone. Published automations, newest first.",
        auth=[],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="publish_automation",
        description=(
            "Publish one's own accepted workflow: those who run it are given its steps and what "
            "the pages showed, without anything that tells who recorded it. Tokens need the scope "
            "`automate`."
        ),
        request=PublishSerializer,
        responses={201: AutomationSerializer},
    )
    def post(self, request: Request) -> Response:
        """The automation; the same again gives the same one, other words 409."""
        form = PublishSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        try:
            automation = automations.publish(
                creator=user_of(request),
                workflow_id=data["workflow"],
                title=data["title"],
                description=data["description"],
                parameters=data["parameters"],
            )
        except automations.AlreadyPublished as error:
            raise Conflict(str(error)) from error
        except automations.PublishError as error:
            raise refuse(error.field, str(error), "invalid") from error
        row = _listed().get(pk=automation.pk)
        return Response(AutomationSerializer(row).data, status.HTTP_201_CREATED)


class AutomationView(generics.RetrieveAPIView[Automation]):
    """Anyone."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    serializer_class = AutomationSerializer

    def get_queryset(self) -> QuerySet[Automation]:
        """Retired ones too: uses refer to them."""
        return _listed()

    @extend_schema(
        operation_id="automation", description="Anyone. One automation, retired or not.", auth=[]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The automation, or 404."""
        return super().get(request, *args, **kwargs)


class RecipeView(APIView):
    """Signed in; tokens need the scope "automate"."""

    permission_classes = (CanAutomate,)

    @extend_schema(
        operation_id="automation_recipe",
        description=(
            "The steps of a published automation as a workflow document, without anything that "
            "tells who recorded them. 410 when it is retired. Tokens need the scope `automate`."
        ),
        responses={200: OpenApiTypes.OBJECT, 410: OpenApiResponse(description="Retired.")},
    )
    def get(self, request: Request, pk: int) -> Response:
        """The document, or 404."""
        automation = Automation.objects.select_related("workflow").filter(pk=pk).first()
        if automation is None:
            raise exceptions.NotFound(f"There is no automation {pk}.")
        try:
            return Response(recipe.recipe_of(automation))
        except recipe.NoRecipe as error:
            raise Gone(str(error)) from error


class UseSerializer(serializers.ModelSerializer[Use]):
    """A run and what was paid for it, in millipoints."""

    class Meta:
        model = Use
        fields = (
            "id", "automation", "at", "actions", "outcome", "price_millipoints",
            "creator_millipoints", "burned_millipoints", "ecosystem_millipoints",
        )  # fmt: skip


class RecordUseSerializer(serializers.Serializer[Any]):
    """A run that happened; the id is made by the client and kept until the answer is there."""

    id = serializers.UUIDField()
    actions = serializers.IntegerField(min_value=1, max_value=100_000)
    outcome = serializers.ChoiceField(choices=Outcome.choices)


class RecordUseView(APIView):
    """Signed in, not the creator."""

    permission_classes = (CanAutomate,)

    @extend_schema(
        operation_id="record_use",
        description=(
            "Record a run and pay for it with points of the open epoch; the same id again is "
            "harmless. 409 when no epoch is open, when the id stands for another use, or when the "
            "points do not suffice. Tokens need the scope `automate`."
        ),
        request=RecordUseSerializer,
        responses={200: UseSerializer, 201: UseSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        """201 for a new use, 200 for the same again."""
        form = RecordUseSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        automation = Automation.objects.filter(pk=pk).first()
        if automation is None:
            raise exceptions.NotFound(f"There is no automation {pk}.")
        try:
            use, created = uses.record_use(
                user=user_of(request),
                automation=automation,
                use_id=data["id"],
                actions=data["actions"],
                outcome=Outcome(data["outcome"]),
            )
        except (uses.UseConflict, uses.NoEpochOpen, uses.InsufficientPoints) as error:
            raise Conflict(str(error)) from error
        except uses.UseError as error:
            raise refuse(error.field, str(error), "invalid") from error
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(UseSerializer(use).data, code)


class UsesView(generics.ListAPIView[Use]):
    """Signed in, about oneself."""

    permission_classes = (CanRead,)
    serializer_class = UseSerializer
    pagination_class = NewestUseFirst

    @extend_schema(
        operation_id="uses",
        description="One's own uses, newest first. Tokens need the scope `read`.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Use]:
        """Only one's own."""
        if getattr(self, "swagger_fake_view", False):
            return Use.objects.none()
        return Use.objects.filter(user=user_of(self.request))
