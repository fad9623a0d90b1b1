"""Who may call: everyone on this machine while nothing is configured, then only EHRs whose signature holds.

| mode | a call is answered when |
|---|---|
| unsigned | it comes from loopback, through no proxy, under a loopback name (`callers.py`) |
| signed | its token holds for this endpoint, was not used before, and its EHR has calls left |
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import Request

from cds_service.cds.answering import Asker
from cds_service.cds.tokens import Refused
from cds_service.cds.trust import Trust
from cds_service.errors import NotTrusted
from cds_service.screening.entries import System
from cds_service.web.callers import check_caller, worksheets_address
from cds_service.web.limits import Allowances

Gate = Callable[[Request], Awaitable[Asker]]
"""Says which system a request comes from; raises what the request is refused with."""


async def this_machine_only(request: Request) -> Asker:
    """The gate while calls cannot be verified: unsigned calls from this machine itself."""
    check_caller(request)
    return Asker(worksheets=worksheets_address(request))


def trusted_systems_only(trust: Trust, allowances: Allowances, count_refusal: Callable[[str], None]) -> Gate:
    """The gate of signed calls. A token is used up last, so that a call sent away for its number can be sent again."""

    async def gate(request: Request) -> Asker:
        clock = asyncio.get_running_loop().time
        came = clock()
        try:
            verified = await trust.verify(request.headers.getlist("authorization"), request.scope["path"])
            allowances.take(verified.client.issuer)
            await trust.use(verified)
        except Refused as refusal:
            count_refusal(refusal.reason.value)
            raise NotTrusted("the call is not signed by an EHR that is trusted") from None
        client = verified.client
        return Asker(System(client.issuer, verified.token.tenant or ""), client.servers, waited=clock() - came)

    return gate
