"""What rules from the first epoch, and the parameters a development chain is deployed with."""

from chain.parameters import DeploymentParameters, GenesisDocument
from contributions.policy_document import load_policy
from lam_core.release import load_release

RELEASE = "rules-2"
# Accepts the project's own labelled samples too; for machines that reach no recordings of people.
SAMPLES_RELEASE = "rules-2-demo"


def document_uri(content_hash: str) -> str:
    """Where a document is read: on this service's API, by its hash, from whichever host."""
    return f"/api/v1/policies/{content_hash}"


def development_parameters(
    *, publisher: str, guardian: str, release: str = RELEASE
) -> DeploymentParameters:
    """Everything takes seconds; the genesis policy and verifier release are the shipped ones."""
    policy_hash, release_hash = load_policy().hash, load_release(release).hash
    return DeploymentParameters(
        publisher=publisher,
        guardian=guardian,
        policy=GenesisDocument(content_hash=policy_hash, uri=document_uri(policy_hash)),
        verifier=GenesisDocument(content_hash=release_hash, uri=document_uri(release_hash)),
    )
