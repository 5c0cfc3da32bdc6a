// imported first: the deprecations of many small tests would only hide what matters
process.env['NO_DEPRECATION'] ??= 'express-session'
