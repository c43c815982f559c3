# Without call frame information nothing can be walked: not Elite.
# elite: f
# REJECTED: f: no call frame information
	.text
	.type	f, @function
f:
	subq	$8, %rsp
	call	other
	addq	$8, %rsp
	ret
	.size	f, .-f
