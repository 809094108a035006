// Node, by require. Prints what the suite found.
const cachette = { ...require('cachette'), ...require('cachette/full') };
const scenarios = require('./scenarios.json');
const { makeEarly, runSuite } = require('./suite.js');

const early = makeEarly(cachette);
void runSuite(cachette, scenarios, early).then((outcome) => console.log(JSON.stringify(outcome)));
