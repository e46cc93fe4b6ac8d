// What the smoke tests of both Node.js libraries share: checks that run one after the other and
// print a line each.

'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');

exports.assert = assert;
exports.port = Number(process.argv[2]);

/** Loads a library from the folder that the step installed it into. */
exports.load = (name) => {
  const folder = path.join(process.argv[3], 'node_modules', name);
  return { library: require(folder), version: require(path.join(folder, 'package.json')).version };
};

/** Runs the checks in order. The first that fails ends the process with its error. */
exports.run = async (title, checks) => {
  for (const [name, check] of Object.entries(checks)) {
    await check();
    console.log(`${title}: ${name}`);
  }
};

/** Waits until `look` returns something that is not undefined. */
exports.until = async (what, look) => {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain for ${what}`);
};

/** Ends the process with status 1 when `main` fails, or hangs. */
exports.main = (main) => {
  setTimeout(() => {
    console.error('hangs');
    process.exit(1);
  }, 60_000);
  main().then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
};
