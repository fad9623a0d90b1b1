"""Of two accounts of one region the surer serves, whichever comes first: coded before free text, then CT before MR."""

import pytest

from cds_service.domain.facts import Coverage, Modality, Region
from cds_service.domain.scans import _surer

CODED_CT = Coverage(Modality.CT, Region.ABDOMEN)
WORDS_CT = Coverage(Modality.CT, Region.ABDOMEN, derived=True)
CODED_MR = Coverage(Modality.MR, Region.ABDOMEN)


@pytest.mark.parametrize(
    ("surer", "other"), [(CODED_CT, WORDS_CT), (CODED_MR, WORDS_CT), (CODED_CT, CODED_MR)], ids=["code", "mr", "ct"]
)
def test_the_surer_account_serves_in_either_order(surer: Coverage, other: Coverage) -> None:
    assert _surer(surer, other) is surer
    assert _surer(other, surer) is surer
    assert _surer(None, other) is other
