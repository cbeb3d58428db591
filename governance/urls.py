"""Routes of proposals, votes, delegates, documents and relayed calls, under /api/v1/."""

from django.urls import path, register_converter

from governance import (
    api,
    delegates_api,
    drafts_api,
    handover_api,
    polls_api,
    simulation_api,
    subscriptions_api,
)


class Uint256:
    """A decimal integer of at most 78 digits."""

    regex = "[0-9]{1,78}"

    def to_python(self, value: str) -> int:
        """The integer."""
        return int(value)

    def to_url(self, value: int) -> str:
        """Decimal."""
        return str(value)


register_converter(Uint256, "uint256")

urlpatterns = [
    path("proposals", api.Proposals.as_view()),
    path("proposals/calldata", api.ProposalCalldata.as_view()),
    path("proposals/<uint256:proposal_id>", api.ProposalView.as_view()),
    path("proposals/<uint256:proposal_id>/queue", api.QueueProposal.as_view()),
    path("proposals/<uint256:proposal_id>/execute", api.ExecuteProposal.as_view()),
    path("proposals/<uint256:proposal_id>/simulation", simulation_api.ProposalSimulation.as_view()),
    path("proposals/<uint256:proposal_id>/policy-effect", simulation_api.PolicyEffect.as_view()),
    path("votes", api.Votes.as_view()),
    path("votes/typed-data", api.VoteTypedData.as_view()),
    path("votes/relay", api.VoteRelay.as_view()),
    path("delegates", delegates_api.Delegates.as_view()),
    path("delegates/<str:address>", delegates_api.DelegateView.as_view()),
    path("delegates/<str:address>/profile", delegates_api.DelegateProfileView.as_view()),
    path(
        "delegates/<str:address>/profile/typed-data",
        delegates_api.DelegateProfileTypedData.as_view(),
    ),
    path("voting-power", delegates_api.Distribution.as_view()),
    path("participation", delegates_api.Participation.as_view()),
    path(
        "proposals/<uint256:proposal_id>/power/<str:address>", delegates_api.SnapshotPower.as_view()
    ),
    path("handover", handover_api.Handover.as_view()),
    path("in-force", handover_api.InForce.as_view()),
    path("subscriptions", subscriptions_api.Subscriptions.as_view()),
    path("subscriptions/<int:subscription_id>", subscriptions_api.SubscriptionView.as_view()),
    path("delegations/typed-data", delegates_api.DelegationTypedData.as_view()),
    path("delegations/relay", delegates_api.DelegationRelay.as_view()),
    path("proposal-drafts", drafts_api.Drafts.as_view()),
    path("proposal-drafts/<uuid:draft_id>", drafts_api.DraftView.as_view()),
    path("comments", drafts_api.Comments.as_view()),
    path("comments/<int:comment_id>", drafts_api.CommentView.as_view()),
    path("markdown", drafts_api.MarkdownPreview.as_view()),
    path("polls", polls_api.Polls.as_view()),
    path("polls/<str:poll_id>", polls_api.PollView.as_view()),
    path("polls/<str:poll_id>/typed-data", polls_api.PollTypedData.as_view()),
    path("polls/<str:poll_id>/ballots", polls_api.PollBallots.as_view()),
    path("polls/<str:poll_id>/bundle", polls_api.PollBundle.as_view()),
    path("policies", api.Policies.as_view()),
    path("policies/<str:document_hash>", api.PolicyView.as_view()),
    path("adoptions", api.Adoptions.as_view()),
    path("relays/<int:intent_id>", api.Relays.as_view()),
]
