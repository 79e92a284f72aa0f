"""A page of Chromium that nobody listens to, as a user's is.

Playwright's own pages report each request to it, which took a third of the browser's time for sixty
pictures. This one speaks of itself when it is asked, through the browser.
"""

import json
import time
from typing import Any

POLL_SECONDS = 0.05  # each look takes a little of the time that is measured


class Tab:
    """A page with nothing kept from earlier ones."""

    def __init__(self, browser: Any, width: int, height: int) -> None:
        """Open it, empty; `browser` is Playwright's."""
        self._browser = browser.new_browser_cdp_session()
        self._context = self._ask("Target.createBrowserContext")["browserContextId"]
        made = {"url": "about:blank", "browserContextId": self._context}
        self._target = self._ask("Target.createTarget", **made)["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=self._target, flatten=False)
        self._session, self._asked = attached["sessionId"], 0
        self._answers: dict[int, Any] = {}
        self._browser.on("Target.receivedMessageFromTarget", self._received)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._tell("Emulation.setDeviceMetricsOverride", **size)

    def visit(self, address: str) -> None:
        """Go to an address, no further than that its page begins."""
        self._tell("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """Give the value of an expression, or what its promise comes to."""
        told = self._tell(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        return told["result"]["value"]

    def close(self) -> None:
        """Close it, and forget what it kept."""
        self._ask("Target.disposeBrowserContext", browserContextId=self._context)
        self._browser.detach()

    def _ask(self, method: str, **parameters: Any) -> Any:
        return self._browser.send(method, parameters)

    def _received(self, event: Any) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._answers[message["id"]] = message

    def _tell(self, method: str, **parameters: Any) -> Any:
        self._asked += 1
        message = json.dumps({"id": self._asked, "method": method, "params": parameters})
        self._ask("Target.sendMessageToTarget", sessionId=self._session, message=message)
        while self._asked not in self._answers:
            time.sleep(POLL_SECONDS)
            self._ask("Target.getTargetInfo", targetId=self._target)  # lets answers in
        return self._answers.pop(self._asked)["result"]
