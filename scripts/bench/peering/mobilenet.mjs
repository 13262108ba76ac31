// Bytes to vector with TensorFlow.js in plain JavaScript: MobileNetV2 of 224 px, one view.
// Reads the path of a picture per line, answers each with milliseconds of the clock and of the
// processor. Weights are random and batch norms folded, as in the published graph. Depends on
// @tensorflow/tfjs and jpeg-js, in the folder given.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.argv[2]}/`);
const tf = require('@tensorflow/tfjs');
const jpeg = require('jpeg-js');

const { add, conv2d, depthwiseConv2d, globalAveragePooling2d, reLU } = tf.layers;
const shape = { padding: 'same', useBias: true };
const relu6 = (x) => reLU({ maxValue: 6 }).apply(x);
const point = (x, filters) => conv2d({ ...shape, filters, kernelSize: 1 }).apply(x);

function block(x, filters, strides, expansion) {
	const before = x.shape[3];
	let inner = expansion > 1 ? relu6(point(x, before * expansion)) : x;
	inner = relu6(depthwiseConv2d({ ...shape, kernelSize: 3, strides }).apply(inner));
	inner = point(inner, filters);
	return strides === 1 && before === filters ? add().apply([x, inner]) : inner;
}

// Expansion, channels, repeats and stride: table 2 of arXiv:1801.04381.
const STAGES = [
	[1, 16, 1, 1],
	[6, 24, 2, 2],
	[6, 32, 3, 2],
	[6, 64, 4, 2],
	[6, 96, 3, 1],
	[6, 160, 3, 2],
	[6, 320, 1, 1],
];

function network() {
	const input = tf.input({ shape: [224, 224, 3] });
	let x = relu6(conv2d({ ...shape, filters: 32, kernelSize: 3, strides: 2 }).apply(input));
	for (const [expansion, filters, repeats, strides] of STAGES)
		for (let n = 0; n < repeats; n++) x = block(x, filters, n ? 1 : strides, expansion);
	x = globalAveragePooling2d({}).apply(relu6(point(x, 1280)));
	return tf.model({ inputs: input, outputs: x });
}

await tf.setBackend('cpu');
const model = network();
console.log(`@tensorflow/tfjs ${tf.version['tfjs-core']}, Node ${process.version}`);
for await (const path of createInterface({ input: process.stdin })) {
	const [started, before] = [performance.now(), process.cpuUsage()];
	const { width, height, data } = jpeg.decode(readFileSync(path), { useTArray: true });
	const vector = tf.tidy(() => {
		const pixels = tf.browser.fromPixels({ width, height, data: new Uint8Array(data) }, 3);
		const resized = tf.image.resizeBilinear(pixels, [224, 224]);
		return model.predict(resized.div(127.5).sub(1).expandDims()).dataSync();
	});
	const { user, system } = process.cpuUsage(before);
	console.log(vector.length, performance.now() - started, (user + system) / 1000);
}
