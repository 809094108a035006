// Two builds can stand side by side: one a bundler.
module.exports = { distDir: process.env.DIST_DIR };
