// Run one case with the recipe's client and print its result or error: node calls.mjs FOLDER ADDRESS CASE PICTURES
const [folder, address, name, ...rest] = process.argv.slice(2);
const { connect, formOf, LookalikeError } = await import(`${folder}/lookalike.mjs`);
const { catalogueOf } = await import(`${folder}/catalogue.mjs`);
const { readFile } = await import('node:fs/promises');

const call = connect(address, 'a-key');
const shop = catalogueOf(call);
const [one, other] = await Promise.all(rest.map((path) => readFile(path)));
const add = (picture, options) => call('POST', '/v1/images', { form: formOf(picture, options) });

const cases = {
  'name-taken': async () => {
    await add(one, { name: 'cup' });
    await add(other, { name: 'cup' });
  },
  'picture-too-large': () => add(new Uint8Array(30_000_000), { name: 'large' }),
  'unsupported-format': () => add('no picture', { name: 'text' }),
  'damaged-picture': () => add(one.subarray(0, 900), { name: 'half' }),
  'invalid-metadata': () => add(one, { name: 'cup', metadata: { price: 'a lot' } }),
  'invalid-filter': () => shop.findProducts(one, { filter: { colour: 'red' } }),
  'invalid-parameters': () => shop.findProducts(one, { limit: 1_000 }),
  refused: () => shop.saveProduct({
    id: '7', facts: { price: 1 }, pictures: { good: one, text: 'no picture', half: other.subarray(0, 900) },
  }),
  save: () => shop.saveProduct({ id: '7', facts: { price: 1 }, pictures: { front: one } }),
  'save with a bad price': () => shop.saveProduct({ id: '7', facts: { price: 'a lot' }, pictures: { front: one } }),
  'save without id': () => shop.saveProduct({ facts: {}, pictures: { front: one } }),
  emptied: async () => {
    await shop.saveProduct({ id: '7', facts: {}, pictures: { front: one, side: other } });
    await shop.saveProduct({ id: '7', facts: {}, pictures: {} });
  },
  steps: async () => {
    await shop.saveProduct({ id: '7', facts: { price: 1, sale: true }, pictures: { front: one, side: other } });
    await shop.saveProduct({ id: '7', facts: { price: 2 }, pictures: { front: one } });
  },
  'product ids': async () => {
    for (const id of ['1', '2', '3']) {
      await shop.saveProduct({ id, facts: {}, pictures: { front: one, side: other } });
    }
    await shop.removeProduct('2');
    return [...await shop.productIds()].sort();
  },
};

try {
  console.log(JSON.stringify({ result: await cases[name]() ?? null }));
} catch (error) {
  const { status, code, errors, requestId } = error;
  const ours = error instanceof LookalikeError;
  console.log(JSON.stringify({ ours, status, code, errors, requestId, message: error.message }));
}
