// What `wasi:config/store` has, for jco.

const settings = { steadfast: '[policies.hostile]\nretry = { attempts = 3 }\n' };

export const get = (key) => settings[key];
export const getAll = () => Object.entries(settings);
