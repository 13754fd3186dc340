// `node:process` as an object, for bundles: see infra/bundle.ts.
module.exports = process;
