module wrought/test/interop/gophercloud

go 1.22

require github.com/gophercloud/gophercloud/v2 v2.6.0
