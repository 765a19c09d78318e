module loaders

go 1.21

require (
	github.com/oauth2-proxy/oauth2-proxy/v7 v7.15.6
	gopkg.in/ini.v1 v1.67.3
)
