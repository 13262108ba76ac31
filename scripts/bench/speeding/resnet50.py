"""Bytes to vector as most tutorials do it: Pillow, 256 / 224 pixels, ResNet50 in PyTorch, one core.

The weights are random, which takes as long. Runs with any Python that has torch, numpy and Pillow.
"""

import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from scripts.bench.speeding.worker import Stages, serve

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class Bottleneck(nn.Module):
    """Three convolutions beside a short cut (He et al. 2015, with the stride in the 3 x 3)."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        """Make one block."""
        super().__init__()
        self.way = nn.Sequential(
            *(nn.Conv2d(width_in, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            *(nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)),
        )
        short = nn.Conv2d(width_in, 4 * width, 1, stride, bias=False)
        same = stride == 1 and width_in == 4 * width
        self.short = nn.Identity() if same else nn.Sequential(short, nn.BatchNorm2d(4 * width))

    def forward(self, pixels: Tensor) -> Tensor:
        """Run one block."""
        return torch.relu(self.way(pixels) + self.short(pixels))


def resnet50() -> nn.Module:
    """Make the network up to its 2,048 pooled features."""
    layers: list[nn.Module] = [
        *(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
        nn.MaxPool2d(3, 2, 1),
    ]
    width_in = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(blocks):
            layers.append(Bottleneck(width_in, width, stride if number == 0 else 1))
            width_in = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


torch.set_num_threads(1)
network = resnet50()
mean, deviation = (np.array(v, np.float32) for v in (MEAN, DEVIATION))


@torch.inference_mode()
def embed(data: bytes, stages: Stages) -> None:
    """Decode all of the picture, resize, cut, run."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    stages.end("decode")
    width, height = image.size
    scale = 256 / min(width, height)
    image = image.resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    square = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
    pixels = torch.from_numpy(((square - mean) / deviation).transpose(2, 0, 1)[None].copy())
    stages.end("resize")
    network(pixels)
    stages.end("run")


serve(embed)
