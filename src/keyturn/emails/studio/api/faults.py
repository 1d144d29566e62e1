"""What goes wrong over SMTP on request."""

from typing import Annotated, Any

from litestar import MediaType, Request, delete, get, put
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta

from keyturn.emails.inbox.faults import MOST_FAULTS, Fault, Step
from keyturn.emails.studio.api.asked import read_body
from keyturn.emails.studio.api.shapes import Named
from keyturn.emails.studio.studio import Studio


class Trigger(Named, frozen=True, kw_only=True):
    """How often a step is refused, in a hundred, and with which reply."""

    error_code: Annotated[int, Meta(ge=400, le=599)] = 451
    probability: Annotated[int, Meta(ge=0, le=100)] = 0


class Chaos(Named, frozen=True, kw_only=True):
    """Mailpit's faults, which are three of the steps; what is left out goes well."""

    sender: Trigger = Trigger()
    recipient: Trigger = Trigger()
    authentication: Trigger = Trigger()


_STEPS: dict[str, Step] = {"sender": "mail", "recipient": "rcpt", "authentication": "auth"}


@get("/faults", sync_to_thread=False)
def faults(studio: NamedDependency[Studio]) -> list[Fault]:
    return studio.faults.all()


@put("/faults")
async def set_faults(request: Request[Any, Any, Any], studio: NamedDependency[Studio]) -> list[Fault]:
    """Put these faults in place of those that were there."""
    asked = await read_body(request, list[Fault])
    if len(asked) > MOST_FAULTS:
        raise ValidationException(detail=f"There may be {MOST_FAULTS} faults at most.")
    studio.faults.set(*asked)
    return studio.faults.all()


@delete("/faults", status_code=HTTP_200_OK, media_type=MediaType.TEXT, sync_to_thread=False)
def remove_faults(studio: NamedDependency[Studio]) -> str:
    studio.faults.set()
    return "ok"


@get("/chaos", sync_to_thread=False)
def chaos(studio: NamedDependency[Studio]) -> Chaos:
    refused = {fault.at: fault for fault in reversed(studio.faults.all()) if fault.code}
    return Chaos(
        **{
            name: Trigger(error_code=fault.code, probability=fault.probability)
            for name, step in _STEPS.items()
            if (fault := refused.get(step)) and fault.code
        }
    )


@put("/chaos")
async def set_chaos(request: Request[Any, Any, Any], studio: NamedDependency[Studio]) -> Chaos:
    """Do as Mailpit does; the faults of other steps are gone, too."""
    asked = await read_body(request, Chaos)
    triggers = {step: getattr(asked, name) for name, step in _STEPS.items()}
    studio.faults.set(
        *(
            Fault(at=step, code=trigger.error_code, probability=trigger.probability)
            for step, trigger in triggers.items()
            if trigger.probability
        )
    )
    return asked


HANDLERS = (faults, set_faults, remove_faults, chaos, set_chaos)
