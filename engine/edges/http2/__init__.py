"""gRPC over HTTP/2, spoken here on asyncio: frames, headers, connections, calls, the server."""
