"""The short way from a request to its answer, for the route that is asked most."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from api.dependencies import AskedAgain

JSON = "application/json"


class ShortWay(AskedAgain):
    """A route whose body is parsed into its model at once, and whose answer is written at once.

    FastAPI's own way takes 0.1 ms longer. It is taken where a request is not as it should be, and
    says what is wrong with it. The function takes `wanted`, the body, `name` of the path, and
    `request`; what it gives has the fields of the route's model, in their order.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give what answers a request."""
        long_way = super().get_route_handler()
        wanted: type[BaseModel] = self.endpoint.__annotations__["wanted"]
        function = self.endpoint

        async def answer(request: Request) -> Response:
            if request.headers.get("content-type") != JSON:
                return await long_way(request)
            try:
                asked = wanted.model_validate_json(await request.body())
            except ValidationError:
                return await long_way(request)
            found = await function(asked, request.path_params["name"], request)
            return Response(to_json(found, inf_nan_mode="null"), media_type=JSON)

        return answer
