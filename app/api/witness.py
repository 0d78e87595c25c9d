"""Other logs ask here for cosignatures of their heads (C2SP tlog-witness), and read our witness's key."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from app.audit.keys import WITNESS_PATH, witness_signer
from app.audit.note import MAX_BYTES
from app.audit.witness import (
    MalformedRequest,
    NotConsistent,
    NotSigned,
    NotTheLatest,
    UnknownLog,
    Witness,
)
from app.http.endpoint import Call, endpoint, routes_of
from app.http.problems import Problem

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"
_BODY = MAX_BYTES + 4096  # a note, and before it the proof
_FORMS: dict[str, Any] = {"consumes": {"text/plain": str}, "produces": {TEXT: str}}


@endpoint(
    "POST",
    f"{WITNESS_PATH}/add-checkpoint",
    scope=None,
    limit=_BODY,
    summary="Have the head of another log cosigned",
    **_FORMS,
)
async def add_checkpoint(call: Call) -> Response:
    """C2SP tlog-witness: `old SIZE`, the consistency proof, an empty line, and the signed checkpoint.

    Only for logs that the operator named. 409 tells the size that was cosigned last.
    """
    try:
        line = await Witness.of(call.system).cosign(await call.request.body())
    except MalformedRequest as error:
        raise Problem(400, "bad_request", str(error)) from None
    except UnknownLog as error:
        raise Problem(404, "not_found", str(error)) from None
    except NotSigned as error:
        raise Problem(403, "forbidden", str(error)) from None
    except NotConsistent as error:
        raise Problem(422, "not_consistent", str(error)) from None
    except NotTheLatest as error:
        return Response(f"{error.size}\n", 409, {"Cache-Control": "no-store", "Content-Type": SIZE})
    return Response(line, headers={"Cache-Control": "no-store"}, media_type=TEXT)


@endpoint(
    "GET",
    f"{WITNESS_PATH}/keys",
    scope=None,
    summary="Read the witness's key",
    produces={TEXT: str},
)
async def witness_keys(call: Call) -> Response:
    """The verifier key of the witness that this installation is for other logs, a line."""
    vkey = witness_signer(call.system.settings).verifier.vkey
    return Response(f"{vkey}\n", headers={"Cache-Control": "no-cache"}, media_type=TEXT)


routes = routes_of(add_checkpoint, witness_keys)
