"""Bytes to vector as PyTorch's examples do it: ResNet50 without its last layer, on one core.

Reads the path of a picture per line, answers each with milliseconds of the clock and of the
processor. Weights are random, which takes as long as trained ones. Depends on torch and torchvision
only, in whatever environment runs it.
"""

import sys
from pathlib import Path
from time import perf_counter, process_time

import torch
import torchvision
from PIL import Image
from torchvision import transforms

torch.set_num_threads(1)
network = torchvision.models.resnet50(weights=None).eval()
network.fc = torch.nn.Identity()
prepare = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)
print(f"torch {torch.__version__}, torchvision {torchvision.__version__}", flush=True)
for line in sys.stdin:
    data_path = Path(line.rstrip("\n"))
    started = perf_counter(), process_time()
    with Image.open(data_path) as image, torch.inference_mode():
        vector = network(prepare(image.convert("RGB"))[None])[0].numpy()
    spent = (perf_counter() - started[0]) * 1000, (process_time() - started[1]) * 1000
    print(len(vector), *spent, flush=True)
