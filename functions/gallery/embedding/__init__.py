"""Pictures to vectors and perceptual hashes. The only room that uses onnxruntime."""
