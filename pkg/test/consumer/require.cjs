// Node, by require. Prints what the checks found.
const cachette = require('cachette');
const { runChecks } = require('./checks.js');

void runChecks(cachette).then((results) => console.log(JSON.stringify(results)));
