"""The floor: a bare grpc.aio server that answers every call with as many bytes as it is told to."""

import asyncio
import sys

import grpc
import uvloop

METHOD = "/floor.Floor/Echo"


async def serve(answer_bytes: int) -> None:
    """Serves on a free port, which it prints, until its standard input closes."""
    answer = b"x" * answer_bytes

    async def echo(request: bytes, context: object) -> bytes:
        return answer

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(echo)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("floor.Floor", {"Echo": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
