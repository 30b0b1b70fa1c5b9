"""torchvision's own operators in scripted modules, compiled, run, compared with PyTorch."""

import pytest
import torch
import torchvision
from torch import Tensor, nn

import linalgd

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Suppress(nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        return torch.ops.torchvision.nms(boxes, scores, 0.4)


class SuppressByClass(nn.Module):
    """Which of two ways is taken depends on the data, and one of them is a loop over the classes."""

    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        chosen = torch.where(scores > 0.2)[0]
        boxes, scores = boxes[chosen], scores[chosen]
        classes = (scores * 10).to(torch.int64) % 3
        keep = torchvision.ops.boxes.batched_nms(boxes, scores, classes, 0.4)
        return boxes[keep]


class Align(nn.Module):
    def __init__(self, sampling_ratio: int, aligned: bool) -> None:
        super().__init__()
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, images: Tensor, regions: Tensor) -> Tensor:
        return torchvision.ops.roi_align(images, regions, (3, 2), 0.5, self.sampling_ratio, self.aligned)


def boxes(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand(count, 2, generator=generator) * 10
    sizes = torch.rand(count, 2, generator=generator) * 5
    # Some scores are equal, and one box has no area.
    scores = (torch.rand(count, generator=generator) * 20).round() / 20
    sizes[count // 2 :][:1] = 0
    return torch.cat([corners, corners + sizes], 1), scores


@pytest.mark.parametrize("count", [0, 1, 40])
def test_nms(client: linalgd.Client, count: int) -> None:
    scripted = torch.jit.script(Suppress())
    arguments = boxes(count)
    found = client.compile(scripted, arguments)(*arguments)
    torch.testing.assert_close(found, scripted(*arguments))


def test_nms_by_class(client: linalgd.Client) -> None:
    scripted = torch.jit.script(SuppressByClass())
    arguments = boxes(60)
    compiled = client.compile(scripted, arguments)
    torch.testing.assert_close(compiled(*arguments), scripted(*arguments))
    nothing = (arguments[0], torch.zeros(60))
    assert compiled(*nothing).shape == (0, 4)


@pytest.mark.parametrize(("sampling_ratio", "aligned"), [(2, False), (2, True), (-1, False)])
def test_roi_align(client: linalgd.Client, sampling_ratio: int, aligned: bool) -> None:
    scripted = torch.jit.script(Align(sampling_ratio, aligned))
    images = torch.arange(2 * 3 * 8 * 9, dtype=torch.float32).reshape(2, 3, 8, 9).sin()
    regions = torch.tensor(
        [[0, 1.0, 2, 9, 11], [1, -4.0, -3, 5, 5], [1, 12.5, 10, 30, 30], [0, 3.0, 3, 3.5, 3.2]]
    )
    compiled = client.compile(scripted, (images, regions))
    torch.testing.assert_close(compiled(images, regions), scripted(images, regions))


def test_region_of_no_image(client: linalgd.Client) -> None:
    """The image that a region names is data, and read only where there is one."""
    scripted = torch.jit.script(Align(2, False))
    compiled = client.compile(scripted, (torch.zeros(1, 1, 4, 4), torch.zeros(1, 5)))
    with pytest.raises(linalgd.ExecutionError, match="an index is out of range"):
        compiled(torch.zeros(1, 1, 4, 4), torch.tensor([[3.0, 0, 0, 1, 1]]))
