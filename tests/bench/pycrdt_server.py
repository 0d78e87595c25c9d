"""Peer: pycrdt-websocket on uvicorn, in memory; runs in an environment of its own. PORT says where."""

import asyncio
import os

import uvicorn
from pycrdt.websocket import ASGIServer, WebsocketServer


async def main() -> None:
    """Serve until killed."""
    async with WebsocketServer(auto_clean_rooms=False) as rooms:
        config = uvicorn.Config(
            ASGIServer(rooms),
            host="127.0.0.1",
            port=int(os.environ["PORT"]),
            log_level="error",
            lifespan="off",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
        )
        await uvicorn.Server(config).serve()


asyncio.run(main())
