"""torchvision imports beside any torch."""

import subprocess
import sys


def test_torchvision_imports_after_the_declaration():
    code = (
        "from embedstore.encoders import torchvision_ops as ops; first = ops.declare();"
        "assert ops.declare() is first;"
        "import torchvision, torch;"
        "torch.ops.torchvision.nms; torch.ops.torchvision.qnms"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_operators_that_are_there_are_left_alone():
    code = (
        "from embedstore.encoders import torchvision_ops as ops;"
        "ops._loads = lambda folder: True; assert ops.declare() is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
