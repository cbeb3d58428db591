"""The API of points: balances and entries, epochs with their bundles and proofs, claims."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from eth_utils.address import to_checksum_address
from rest_framework import exceptions, generics, status
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
from points import archive, balances, bundle, claims, epochs, export
from points.chain_models import Claim, RootSubmission
from points.models import Account, Epoch, Line
from points.serializers import (
    ADDRESS,
    BalanceSerializer,
    ClaimRequestSerializer,
    ClaimSerializer,
    EpochSerializer,
    LineSerializer,
    ProofSerializer,
    RelayedSerializer,
    SignedClaimSerializer,
)


class NewestFirst(CursorPagination):
    """Pages by cursor: a page costs the same however far down it is."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering: Any = "-id"


class TooManyRequests(exceptions.Throttled):
    """429: an account's own limit, not a client's."""

    extra_detail_singular = extra_detail_plural = ""


def own_accounts(user: User) -> QuerySet[Account]:
    """The ledger accounts of a person: points, what is owed, LAM of the wallets."""
    addresses = Wallet.objects.filter(user=user).values("address")
    theirs = Account.objects.filter(user=user)
    return theirs.union(Account.objects.filter(address__in=addresses).exclude(address=""))


def _ids(accounts: QuerySet[Account]) -> list[int]:
    """Ids rather than a subquery: joined to lines, the planner would read all of those."""
    return list(accounts.values_list("pk", flat=True))


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
        now = balances.of(user_of(request).pk)
        return Response(
            {
                "epoch": now.epoch,
                "epoch_state": now.epoch_state,
                "millipoints": now.millipoints,
                "owed_millipoints": now.owed_millipoints,
                "by_category": now.by_category,
                "allocated_wei": str(now.unclaimed_wei + now.claimed_wei + now.expired_wei),
                "claimed_wei": str(now.claimed_wei),
                "expired_wei": str(now.expired_wei),
                "unclaimed_wei": str(now.unclaimed_wei),
            }
        )


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
        own = _ids(own_accounts(user_of(self.request)))
        return Line.objects.filter(account__in=own).select_related(
            "entry", "entry__idempotency", "entry__seal"
        )


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
        return _file(number, archive.of, f"epoch-{number}.zip")


class AllocationsView(APIView):
    """Anyone."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="epoch_allocations",
        description=(
            "Anyone. The allocations of a closed epoch as a Parquet table: the rows of the "
            "bundle's allocations.json, outside its hash."
        ),
        responses={(200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY},
        auth=[],
    )
    def get(self, request: Request, number: int) -> FileResponse:
        """The table, or 404 while the epoch is not closed."""
        return _file(number, archive.parquet_of, f"epoch-{number}.parquet")


def _file(number: int, of: Callable[[Path], Path], name: str) -> FileResponse:
    """A form of a closed epoch's bundle, to download."""
    if not _epoch(number).closed_at:
        raise exceptions.NotFound(f"Epoch {number} is not closed.")
    try:
        path = of(bundle.path_of(settings.BUNDLES_DIR, number))
    except (FileNotFoundError, bundle.BundleError) as error:
        raise exceptions.NotFound(f"The bundle of epoch {number} is not here.") from error
    return FileResponse(path.open("rb"), as_attachment=True, filename=name)


class EpochExportView(APIView):
    """Signed in, about oneself."""

    permission_classes = (CanRead,)

    @extend_schema(
        operation_id="epoch_export",
        description=(
            "What one's own points of a closed epoch follow from, with proofs under the ledger "
            "root: what `python -m points.verify BUNDLE --mine EXPORT` computes them again from. "
            "Tokens need the scope `read`."
        ),
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, number: int) -> Response:
        """A download, or 404 while the epoch is not closed."""
        try:
            document = export.epoch_export(user_of(request), _epoch(number))
        except export.NotClosed as error:
            raise exceptions.NotFound(str(error)) from None
        name = f"action-model-epoch-{number}.json"
        return Response(document, headers={"Content-Disposition": f'attachment; filename="{name}"'})


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
