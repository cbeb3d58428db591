"""The API of points: balances and entries, epochs with their bundles and proofs, claims."""

import re
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from eth_utils.address import to_checksum_address
from rest_framework import exceptions, generics, serializers, status
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import wallets
from accounts.api import refuse, user_of
from accounts.models import User, Wallet
from accounts.permissions import CanManageAccount, CanRead
from accounts.throttling import AddressThrottle
from points import archive, bundle, claims, epochs
from points.models import (
    Account,
    AccountKind,
    Balance,
    Category,
    Claim,
    Epoch,
    Line,
    RootSubmission,
    Unit,
)

ADDRESS = re.compile(r"^0x[0-9a-fA-F]{40}$")
UINT = re.compile(r"^(0|[1-9][0-9]{0,77})$")
UINT256_MAX = 2**256 - 1


class NewestFirst(CursorPagination):
    """Pages by cursor: a page costs the same however far down it is."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering: Any = "-id"


class TooManyRequests(exceptions.Throttled):
    """429: an account's own limit, not a client's."""

    extra_detail_singular = extra_detail_plural = ""


def own_accounts(user: User) -> list[int]:
    """The ledger accounts of a person: points, what is owed, LAM of the wallets.

    As ids: joined to lines or balances, the planner would read all of those.
    """
    addresses = Wallet.objects.filter(user=user).values("address")
    theirs = Account.objects.filter(user=user).values_list("pk", flat=True)
    paid_to = Account.objects.filter(address__in=addresses).exclude(address="")
    return list(theirs.union(paid_to.values_list("pk", flat=True)))


class BalanceSerializer(serializers.Serializer[Any]):
    """Points of the epoch in progress (millipoints) and LAM (wei as decimal strings)."""

    epoch = serializers.IntegerField(allow_null=True, help_text="In progress; null while none is.")
    epoch_state = serializers.CharField(allow_null=True)
    millipoints = serializers.IntegerField()
    owed_millipoints = serializers.IntegerField(help_text="Withdrawn work whose points were spent.")
    by_category = serializers.DictField(child=serializers.IntegerField())
    allocated_wei = serializers.CharField(help_text="LAM of all closed epochs.")
    claimed_wei = serializers.CharField(help_text="Paid on chain.")
    expired_wei = serializers.CharField(help_text="Not claimed in time: gone to the treasury.")
    unclaimed_wei = serializers.CharField()


class BalanceView(APIView):
    """Signed in, about oneself."""

    permission_classes = (CanRead,)

    @extend_schema(
        operation_id="points_balance",
        description="One's own balance. Tokens need the scope `read`.",
        responses={200: BalanceSerializer},
    )
    def get(self, request: Request) -> Response:
        """The balance now."""
        user = user_of(request)
        epoch = Epoch.objects.filter(closed_at__isnull=True).first()
        accounts = own_accounts(user)
        kinds = _balances_by_kind(accounts)
        gone = _lam_gone(accounts)
        unclaimed = kinds.get(AccountKind.LAM, 0)
        return Response(
            {
                "epoch": epoch.number if epoch else None,
                "epoch_state": ("closing" if epoch.closing_at else "open") if epoch else None,
                "millipoints": kinds.get(AccountKind.POINTS, 0),
                "owed_millipoints": kinds.get(AccountKind.OWED, 0),
                "by_category": _by_category(user, epoch) if epoch else {},
                "allocated_wei": str(unclaimed + sum(gone.values())),
                "claimed_wei": str(gone.get(Category.CLAIMED, 0)),
                "expired_wei": str(gone.get(Category.EXPIRED, 0)),
                "unclaimed_wei": str(unclaimed),
            }
        )


def _balances_by_kind(accounts: list[int]) -> dict[str, int]:
    rows = Balance.objects.filter(account__in=accounts).order_by()
    sums = rows.values_list("account__kind").annotate(sum=Sum("amount"))
    return {kind: int(amount) for kind, amount in sums}


def _lam_gone(accounts: list[int]) -> dict[int, int]:
    """LAM that left one's accounts, by category: claimed or expired."""
    lines = Line.objects.filter(account__in=accounts, unit=Unit.LAM_WEI, amount__lt=0).order_by()
    rows = lines.values_list("category").annotate(sum=Sum("amount"))
    return {category: -int(amount) for category, amount in rows}


def _by_category(user: User, epoch: Epoch) -> dict[str, int]:
    account = Account.objects.filter(user=user, kind=AccountKind.POINTS).first()
    lines = Line.objects.filter(account=account, epoch_number=epoch.number)
    rows = lines.order_by().values_list("category").annotate(sum=Sum("amount"))
    return {Category(category).name.lower(): int(amount) for category, amount in rows}


class LineSerializer(serializers.ModelSerializer[Line]):
    """One movement on one of one's own accounts."""

    entry = serializers.IntegerField(source="entry_id")
    kind = serializers.CharField(source="entry.kind")
    epoch = serializers.IntegerField(source="epoch_number")
    posted_at = serializers.DateTimeField(source="entry.posted_at")
    category = serializers.SerializerMethodField()
    unit = serializers.SerializerMethodField()
    amount = serializers.CharField(help_text="Millipoints or wei, negative when taken.")
    workflow = serializers.SerializerMethodField()
    inputs = serializers.SerializerMethodField()
    digest = serializers.SerializerMethodField()
    seal = serializers.SerializerMethodField()

    class Meta:
        model = Line
        fields = (
            "id", "entry", "kind", "epoch", "posted_at", "category", "unit", "amount", "workflow",
            "inputs", "digest", "seal",
        )  # fmt: skip

    def get_category(self, line: Line) -> str:
        """Why it moved."""
        return Category(line.category).name.lower()

    def get_unit(self, line: Line) -> str:
        """millipoints or lam_wei."""
        return Unit(line.unit).name.lower()

    def get_workflow(self, line: Line) -> str | None:
        """The workflow, for the one whose work it is, unless it was withdrawn."""
        own = line.category == Category.WORK
        return str(line.entry.idempotency.workflow_id or "") or None if own else None

    def get_inputs(self, line: Line) -> dict[str, Any]:
        """What the amount was computed from; a referrer does not see whose work, or what."""
        if line.category == Category.REFERRAL:
            return {}
        return dict(line.entry.inputs)

    def get_digest(self, line: Line) -> str:
        """The entry's salted leaf in its epoch's ledger tree."""
        return "0x" + bytes(line.entry.digest).hex()

    def get_seal(self, line: Line) -> int | None:
        """The entry's position in the sealed chain; null for the moment before it has one."""
        seal = getattr(line.entry, "seal", None)
        return seal.position if seal else None


class EntriesView(generics.ListAPIView[Line]):
    """Signed in, about oneself."""

    permission_classes = (CanRead,)
    serializer_class = LineSerializer
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="points_entries",
        description="Movements on one's own accounts, newest first. Tokens need the scope `read`.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Line]:
        """Only one's own lines."""
        if getattr(self, "swagger_fake_view", False):
            return Line.objects.none()
        own = own_accounts(user_of(self.request))
        return Line.objects.filter(account__in=own).select_related(
            "entry", "entry__idempotency", "entry__seal"
        )


class EpochSerializer(serializers.ModelSerializer[Epoch]):
    """An epoch, its totals once closed, and where its root is on chain once published."""

    state = serializers.SerializerMethodField()
    emission_wei = serializers.CharField()
    total_wei = serializers.CharField()
    transaction_hash = serializers.SerializerMethodField()
    activatable_at = serializers.SerializerMethodField()

    class Meta:
        model = Epoch
        fields = (
            "number", "state", "policy_hash", "release_hash", "opened_at", "closing_at",
            "closed_at", "ledger_root", "root", "bundle_hash", "millipoints", "emission_wei",
            "total_wei", "accounts", "chain_id", "distributor", "transaction_hash",
            "activatable_at",
        )  # fmt: skip

    def get_state(self, epoch: Epoch) -> str:
        """open, closing, closed, published, vetoed, active or final."""
        states: dict[int, str] = self.context["states"]
        return states[epoch.number]

    def get_transaction_hash(self, epoch: Epoch) -> str | None:
        """The finalized transaction that submitted the root."""
        found = self.context["submissions"].get(epoch.number)
        return found.transaction_hash if found else None

    def get_activatable_at(self, epoch: Epoch) -> int | None:
        """When the veto window ends, seconds since 1970."""
        found = self.context["submissions"].get(epoch.number)
        return found.activatable_at if found else None


def _epoch_context(rows: list[Epoch]) -> dict[str, Any]:
    numbers = [epoch.number for epoch in rows]
    submitted = RootSubmission.objects.filter(epoch_number__in=numbers)
    submissions = {each.epoch_number: each for each in submitted.order_by("block_number")}
    return {"states": epochs.states(rows), "submissions": submissions}


class EpochsView(generics.ListAPIView[Epoch]):
    """Anyone."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    serializer_class = EpochSerializer
    pagination_class = NewestFirst
    queryset = Epoch.objects.all()

    @extend_schema(operation_id="epochs", description="Anyone. Epochs, newest first.", auth=[])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page; states of all its epochs in a constant number of queries."""
        assert self.paginator is not None
        self.paginator.ordering = ("-number",)  # type: ignore[attr-defined]
        page = self.paginate_queryset(self.get_queryset()) or []
        rows = EpochSerializer(page, many=True, context=_epoch_context(list(page)))
        return self.get_paginated_response(rows.data)


def _epoch(number: int) -> Epoch:
    epoch = Epoch.objects.filter(pk=number).first()
    if epoch is None:
        raise exceptions.NotFound(f"There is no epoch {number}.")
    return epoch


class EpochView(APIView):
    """Anyone."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="epoch",
        description="Anyone. One epoch.",
        responses={200: EpochSerializer},
        auth=[],
    )
    def get(self, request: Request, number: int) -> Response:
        """The epoch, or 404."""
        epoch = _epoch(number)
        return Response(EpochSerializer(epoch, context=_epoch_context([epoch])).data)


class BundleView(APIView):
    """Anyone."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="epoch_bundle",
        description=(
            "Anyone. The public bundle of a closed epoch as a ZIP: what `python -m points.verify` "
            "checks."
        ),
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        auth=[],
    )
    def get(self, request: Request, number: int) -> FileResponse:
        """The archive, or 404 while the epoch is not closed."""
        epoch = _epoch(number)
        if not epoch.closed_at:
            raise exceptions.NotFound(f"Epoch {number} is not closed.")
        try:
            path = archive.of(bundle.path_of(settings.BUNDLES_DIR, number))
        except FileNotFoundError as error:
            raise exceptions.NotFound(f"The bundle of epoch {number} is not here.") from error
        return FileResponse(path.open("rb"), as_attachment=True, filename=f"epoch-{number}.zip")


class ProofSerializer(serializers.Serializer[Any]):
    """What an address passes to the distributor's `claim`, and how much of it is still unpaid."""

    epoch = serializers.IntegerField()
    state = serializers.CharField(help_text="Only the active epoch's proof can be claimed with.")
    address = serializers.CharField()
    leaf_index = serializers.IntegerField()
    leaf = serializers.CharField()
    cumulative_wei = serializers.CharField()
    claimed_wei = serializers.CharField(help_text="By finalized blocks.")
    claimable_wei = serializers.CharField(help_text="By finalized blocks, under this root.")
    root = serializers.CharField()  # type: ignore[assignment]
    proof = serializers.ListField(child=serializers.CharField())
    chain_id = serializers.IntegerField()
    distributor = serializers.CharField()


def _proof(number: int, address: str) -> Response:
    epoch = _epoch(number)
    try:
        found = claims.proof(epoch=epoch, address=address)
    except (claims.NoProof, bundle.BundleError) as error:
        raise exceptions.NotFound(str(error)) from error
    claimed = claims.claimed_wei(address)
    answer = {
        "epoch": number,
        "state": epochs.state(epoch),
        "address": found.address,
        "leaf_index": found.leaf_index,
        "leaf": found.leaf,
        "cumulative_wei": found.cumulative_wei,
        "claimed_wei": claimed,
        "claimable_wei": max(0, found.cumulative_wei - claimed),
        "root": found.root,
        "proof": found.proof,
        "chain_id": epoch.chain_id,
        "distributor": epoch.distributor,
    }
    return Response(ProofSerializer(answer).data)


class OwnProofView(APIView):
    """Signed in, about one's primary wallet."""

    permission_classes = (CanRead,)

    @extend_schema(
        operation_id="own_proof",
        description="The proof of one's primary wallet. Tokens need the scope `read`.",
        responses={200: ProofSerializer},
    )
    def get(self, request: Request, number: int) -> Response:
        """The proof, or 404 when the wallet has no leaf."""
        try:
            address = wallets.primary(user_of(request))
        except wallets.NoWallet as error:
            raise exceptions.NotFound(str(error)) from error
        return _proof(number, address)


class ProofView(APIView):
    """Anyone: the tree is public."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="proof_of",
        description="Anyone. The proof of an address in a closed epoch's tree.",
        responses={200: ProofSerializer},
        auth=[],
    )
    def get(self, request: Request, number: int, address: str) -> Response:
        """The proof, or 404."""
        if not ADDRESS.match(address):
            raise Http404
        return _proof(number, to_checksum_address(address))


class ClaimSerializer(serializers.ModelSerializer[Claim]):
    """A payment on chain, final."""

    amount_wei = serializers.CharField()
    cumulative_wei = serializers.CharField()

    class Meta:
        model = Claim
        fields = (
            "id", "account", "recipient", "amount_wei", "cumulative_wei", "expired", "at",
            "block_number", "transaction_hash",
        )  # fmt: skip


class ClaimsView(generics.ListAPIView[Claim]):
    """Signed in, about oneself."""

    permission_classes = (CanRead,)
    serializer_class = ClaimSerializer
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="claims",
        description="Claims of one's own wallets, newest first. Tokens need the scope `read`.",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Claim]:
        """Only those of one's own wallets."""
        if getattr(self, "swagger_fake_view", False):
            return Claim.objects.none()
        addresses = Wallet.objects.filter(user=user_of(self.request)).values("address")
        return Claim.objects.filter(account__in=addresses)


class AddressField(serializers.RegexField):
    """A 20-byte address in any spelling, checksummed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ADDRESS, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The checksummed spelling."""
        text = super().to_internal_value(data)
        if not ADDRESS.match(text):
            raise serializers.ValidationError("This is not an address.")
        return to_checksum_address(text)


class UintField(serializers.RegexField):
    """A uint256 as a decimal string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(UINT, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The decimal string, known to be in range."""
        text = super().to_internal_value(data)
        if not UINT.match(text) or int(text) > UINT256_MAX:
            raise serializers.ValidationError("This is not a uint256 in decimal digits.")
        return text


class ClaimRequestSerializer(serializers.Serializer[Any]):
    """Where to have one's LAM paid; the account is one's primary wallet unless given."""

    account = AddressField(required=False)
    recipient = AddressField()


class SignedClaimSerializer(serializers.Serializer[Any]):
    """The message of `typed-data` with the account's signature (EOA or EIP-1271)."""

    account = AddressField()
    recipient = AddressField()
    cumulative = UintField()
    nonce = UintField()
    deadline = UintField()
    signature = serializers.RegexField(r"^0x([0-9a-fA-F]{2}){1,10000}$")


class RelayedSerializer(serializers.Serializer[Any]):
    """A claim that will be sent; `GET claims` shows it once it is final."""

    intent = serializers.IntegerField()
    state = serializers.CharField()


def _refused(error: claims.ClaimRefused) -> exceptions.APIException:
    if isinstance(error, claims.TooManyRelays):
        return TooManyRequests(detail=str(error))
    return refuse(error.field or "non_field_errors", str(error), "claim_refused")


class ClaimTypedDataView(APIView):
    """Signed in, about one's own wallets."""

    permission_classes = (CanManageAccount,)

    @extend_schema(
        operation_id="claim_typed_data",
        description=(
            "EIP-712 data to sign for a claim of everything claimable. Tokens need the scope "
            "`account`."
        ),
        request=ClaimRequestSerializer,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "EIP-712 typed data")},
    )
    def post(self, request: Request) -> Response:
        """The typed data, or 400 naming what is wrong."""
        form = ClaimRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = user_of(request)
        try:
            account = form.validated_data.get("account") or wallets.primary(user)
            data = claims.typed_data(
                user=user, account=account, recipient=form.validated_data["recipient"]
            )
        except wallets.NoWallet as error:
            raise refuse("account", str(error), "no_wallet") from error
        except claims.ClaimRefused as error:
            raise _refused(error) from error
        return Response(data)


class ClaimRelayView(APIView):
    """Signed in, about one's own wallets."""

    permission_classes = (CanManageAccount,)
    throttle_classes = (AddressThrottle,)
    throttle_scope = "relay"

    @extend_schema(
        operation_id="relay_claim",
        description=(
            "Have the platform send a signed claim and pay its gas. The same claim again is one "
            "transaction. Tokens need the scope `account`; a few a day for each account."
        ),
        request=SignedClaimSerializer,
        responses={202: RelayedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Accepted, or 400 naming what is wrong, or 429."""
        form = SignedClaimSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        try:
            intent = claims.relay(
                user=user_of(request),
                account=data["account"],
                recipient=data["recipient"],
                cumulative_wei=int(data["cumulative"]),
                nonce=int(data["nonce"]),
                deadline=int(data["deadline"]),
                signature=bytes.fromhex(data["signature"][2:]),
            )
        except claims.ClaimRefused as error:
            raise _refused(error) from error
        answer = {"intent": intent.pk, "state": intent.state}
        return Response(answer, status.HTTP_202_ACCEPTED)
