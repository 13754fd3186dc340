// `node:http` as an object, for bundles: see infra/bundle.ts.
module.exports = process.getBuiltinModule("node:http");
